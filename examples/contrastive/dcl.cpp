// DCL: SimCLR without the positive in its own denominator, so that small batches work as well.
// Decoupled Contrastive Learning (Yeh et al., 2022), arXiv:2110.06848.
//
//   bin/dcl --preset short --data fashion-mnist --limit 10000 --width 16    a small one for two cores
//   bin/dcl --data cifar10:DIR --epochs 200 --out runs/dcl
//
// Network, views and recipe are SimCLR's (examples/contrastive/simclr.cpp); only the loss is another. It may be
// negative. With weights for pairs that lie far apart: bin/dclw.
#include <cmath>

#include <fovea/losses/contrastive/dcl.h>
#include <fovea/models/methods/contrastive/simclr.h>

#include "common/training.h"

using namespace fovea;

int main(int argc, char** argv) {
  const examples::About about{.method = "dcl",
                              .title = "DCL",
                              .paper = "Decoupled Contrastive Learning (Yeh et al., 2022)",
                              .presets = {{"imagenette-table", "--epochs 800 --batch 256"},
                                          {"short", "--batch 128 --lr 0.24 --temperature 0.2 --strength 2"}}};
  float temperature = 0.1f;
  const std::vector<examples::Flag> flags = {{"--temperature", "of DCL", &temperature, 1e-3, 100}};

  return examples::run(argc, argv, about, {.decay_all = true}, flags, [&](const examples::Options& options) {
    examples::Training training(options);
    models::SimClr model(training.backbone());
    training.fit(model, model.backbone, [&](const data::Batch& batch, examples::Run& run) {
      Tensor h = run.features(model.backbone, batch.groups[0]);  // [2N, 512]: first views, then second views
      Tensor z = model.projector(h);                             // [2N, 128]
      Tensor z0 = z.slice(0, batch.size()), z1 = z.slice(batch.size(), 2 * batch.size());
      run.watch(z0, z1);
      run.chance(std::log(2.0 * double(batch.size()) - 2));
      return losses::dcl(z0, z1, temperature);
    });
  });
}
