// DCL: SimCLR without the positive in its own denominator, so that small batches work as well.
// Decoupled Contrastive Learning (Yeh et al., 2022), arXiv:2110.06848.
//
//   bin/dcl --preset short --data fashion-mnist --limit 10000 --width 16    a small one for two cores
//   bin/dcl --data cifar10:DIR --epochs 200 --out runs/dcl
//
// Network, views and recipe are SimCLR's (examples/contrastive/simclr.cpp); only the loss is another. It may be
// negative. With weights for pairs that lie far apart: bin/dclw.
#include <fovea/models/methods/contrastive/dcl.h>

#include "common/train.h"

using namespace fovea;

int main(int argc, char** argv) {
  models::DclOptions options;
  const examples::Program program{
      .about = {.method = "dcl",
                .title = "DCL",
                .paper = "Decoupled Contrastive Learning (Yeh et al., 2022)",
                .presets = {{"imagenette-table", "--epochs 800 --batch 256"},
                            {"short", "--batch 128 --lr 0.24 --temperature 0.2 --strength 2"}}},
      .defaults = {.fit = {.decay_all = true}},
      .flags = {{"--temperature", "temperature t that cosines are divided by", &options.temperature, 1e-3, 100}}};

  return examples::train(argc, argv, program, [&](examples::Setup& setup) {
    return models::Dcl(setup.backbone(), options, setup.generator());
  });
}
