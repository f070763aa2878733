// VICReg: two views agree, every dimension of the embeddings keeps its variance, and no two correlate.
// VICReg: Variance-Invariance-Covariance Regularization (Bardes et al., 2021), arXiv:2105.04906.
//
//   bin/vicreg --preset short --data fashion-mnist --limit 10000 --width 16   a small one for two cores
//   bin/vicreg --data cifar10:DIR --epochs 1000 --out runs/cifar
//   bin/vicreg --preset imagenette-table --data imagefolder:DIR               ResNet-18 at 128 pixels, for a GPU
//
// Networks, views, weights and optimiser are the paper's; docs/methods/vicreg.md tells the rest.
#include <fovea/models/methods/decorrelation/vicreg.h>

#include "common/train.h"

using namespace fovea;

int main(int argc, char** argv) {
  models::VicRegOptions options;
  const examples::Program program{
      .about =
          {.method = "vicreg",
           .title = "VICReg",
           .paper = "VICReg: Variance-Invariance-Covariance Regularization (Bardes et al., 2021)",
           .presets = {{"imagenette-table",
                        "--views vicreg --epochs 800 --batch 256 --optimizer lars-lightly --lr 0.3 --weight-decay 1e-4 "
                        "--decay-all --warmup 0.05"},
                       {"short", "--batch 128 --optimizer sgd --lr 0.06 --weight-decay 5e-4 --warmup 0.1"}}},
      .defaults = {.fit = {.lr = 0.2f, .optimizer = "lars", .weight_decay = 1e-6f, .warmup = 0.01f}, .views = "byol"},
      .flags = {{"--invariance", "weight w_i of the invariance, the mean squared distance of two views",
                 &options.invariance, 0, 1e6},
                {"--variance",
                 "weight w_v of the variance term v, the mean of max(0, 1 - standard deviation) over dimensions",
                 &options.variance, 0, 1e6},
                {"--covariance", "weight w_c of the covariance term c, the squared covariances of different dimensions",
                 &options.covariance, 0, 1e6},
                {"--projection", "units D of the projector's layers (0: four times the backbone's features)",
                 &options.width, 0, 1 << 20}}};

  return examples::train(argc, argv, program, [&](examples::Setup& setup) {
    return models::VicReg(setup.backbone(), options, setup.generator());
  });
}
