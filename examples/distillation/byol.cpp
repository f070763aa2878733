// BYOL: a network predicts what a slowly following copy of itself makes of the other view; no negatives.
// Bootstrap Your Own Latent: A New Approach to Self-Supervised Learning (Grill et al., 2020), arXiv:2006.07733.
//
//   bin/byol --preset short --data fashion-mnist --limit 10000 --width 16    a small one for two cores
//   bin/byol --data cifar10:DIR --epochs 300 --out runs/cifar
//   bin/byol --preset imagenette-table --data imagefolder:DIR                ResNet-18 at 128 pixels, for a GPU
//
// Networks, views and the teacher's momentum are the paper's; the optimiser is SGD where the paper has LARS
// (--optimizer lars --lr 0.2 --weight-decay 1.5e-6). docs/methods/byol.md tells the rest.
#include <fovea/models/methods/distillation/byol.h>

#include "common/train.h"

using namespace fovea;

int main(int argc, char** argv) {
  models::ByolOptions options;
  const examples::Program program{
      .about = {.method = "byol",
                .title = "BYOL",
                .paper = "Bootstrap Your Own Latent (Grill et al., 2020)",
                .presets = {{"imagenette-table",
                             "--views simclr --epochs 800 --batch 256 --lr 0.06 --decay-all "
                             "--teacher-momentum 0.99 --final-momentum 0.99"},
                            {"short",
                             "--views simclr --strength 2 --batch 64 --lr 0.1 --warmup 0.1 --weight-decay 5e-4 "
                             "--teacher-momentum 0.95 --decay-all --hidden 1024"}}},
      .defaults = {.views = "byol"},
      .flags = {{"--teacher-momentum",
                 "momentum m of the target network at the start, m0: target = m target + (1 - m) online",
                 &options.momentum, 0, 1},
                {"--final-momentum", "momentum m of the target network at the end, m1, reached along half a cosine",
                 &options.final_momentum, 0, 1},
                {"--hidden", "units of the hidden layers of projector and predictor", &options.hidden, 1, 1 << 20}}};

  return examples::train(argc, argv, program, [&](examples::Setup& setup) {
    return models::Byol(setup.backbone(), options, setup.generator());
  });
}
