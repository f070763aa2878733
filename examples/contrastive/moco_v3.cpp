// MoCo v3 for ResNets: the keys of the batch are the negatives, a predictor stands on the trained side.
// An Empirical Study of Training Self-Supervised Vision Transformers (Chen et al., 2021), arXiv:2104.02057.
//
//   bin/moco_v3 --preset short --limit 10000 --width 16   Fashion-MNIST, a small one for two cores
//   bin/moco_v3 --data cifar10:DIR --epochs 200 --out runs/cifar
//
// The defaults are the paper's: LARS, warm-up over a tenth of the run, views as BYOL's with crops from a fifth of the
// image, temperature 1 (so for ResNets), and a momentum that rises to 1. docs/methods/moco_v3.md tells the rest.
#include <fovea/models/methods/contrastive/moco_v3.h>

#include "common/train.h"

using namespace fovea;

int main(int argc, char** argv) {
  models::MocoV3Options options;
  const examples::Program program{
      .about =
          {.method = "moco_v3",
           .title = "MoCo v3",
           .paper = "An Empirical Study of Training Self-Supervised Vision Transformers (Chen et al., 2021)",
           .presets =
               {{"imagenette-table", "--epochs 800 --batch 256 --lr 0.3"},
                {"short",
                 "--optimizer sgd --batch 128 --lr 0.24 --weight-decay 5e-4 --warmup 0 --views simclr --strength 2 "
                 "--min-scale 0.08 --temperature 0.2 --teacher-momentum 0.95 --hidden 512"}}},
      .defaults = {.fit = {.lr = 0.6f, .optimizer = "lars", .weight_decay = 1e-6f, .warmup = 0.1f},
                   .views = "byol",
                   .min_scale = 0.2f},
      .flags = {
          {"--temperature", "temperature t of InfoNCE", &options.temperature, 1e-3, 100},
          {"--teacher-momentum",
           "momentum m of the key network, from this number to 1 along half a cosine: key network = m key network + "
           "(1 - m) query network",
           &options.momentum, 0, 1},
          {"--hidden", "units of the hidden layers of projector and predictor", &options.hidden, 1, 1 << 20}}};

  return examples::train(argc, argv, program, [&](examples::Setup& setup) {
    return models::MocoV3(setup.backbone(), options, setup.generator());
  });
}
