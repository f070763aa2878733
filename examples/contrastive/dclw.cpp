// DCLW: DCL in which pairs whose views lie far apart count more.
// Decoupled Contrastive Learning (Yeh et al., 2022), arXiv:2110.06848.
//
//   bin/dclw --preset short --data fashion-mnist --limit 10000 --width 16    a small one for two cores
//   bin/dclw --data cifar10:DIR --epochs 200 --out runs/dclw
//
// As bin/dcl but for the weights, a constant for each pair: 2 - N softmax(cosine of its two views / sigma), which
// are 1 on average.
#include <fovea/models/methods/contrastive/dcl.h>

#include "common/train.h"

using namespace fovea;

int main(int argc, char** argv) {
  models::DclOptions options{.weighted = true};
  const examples::Program program{
      .about = {.method = "dclw",
                .title = "DCLW",
                .paper = "Decoupled Contrastive Learning (Yeh et al., 2022)",
                .presets = {{"imagenette-table", "--epochs 800 --batch 256"},
                            {"short", "--batch 128 --lr 0.24 --temperature 0.2 --strength 2"}}},
      .defaults = {.fit = {.decay_all = true}},
      .flags = {
          {"--temperature", "temperature t that cosines are divided by", &options.temperature, 1e-3, 100},
          {"--sigma",
           "sigma of the pairs' weights w = 2 - N softmax(cosine / sigma): the larger sigma, the closer w is to 1",
           &options.sigma, 1e-3, 100}}};

  return examples::train(argc, argv, program, [&](examples::Setup& setup) {
    return models::Dcl(setup.backbone(), options, setup.generator());
  });
}
