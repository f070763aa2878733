// Barlow Twins: the dimensions of two views' embeddings correlate each with itself and with no other.
// Barlow Twins: Self-Supervised Learning via Redundancy Reduction (Zbontar et al., 2021), arXiv:2103.03230.
//
//   bin/barlow_twins --preset short --data fashion-mnist --limit 10000 --width 16   a small one for two cores
//   bin/barlow_twins --data cifar10:DIR --epochs 1000 --out runs/cifar
//   bin/barlow_twins --preset imagenette-table --data imagefolder:DIR               ResNet-18 at 128 pixels, for a GPU
//
// Networks, views, lambda and optimiser are the paper's; docs/methods/barlow_twins.md tells the rest.
#include <fovea/models/methods/decorrelation/barlow_twins.h>

#include "common/train.h"

using namespace fovea;

int main(int argc, char** argv) {
  models::BarlowTwinsOptions options;
  const examples::Program program{
      .about =
          {.method = "barlow_twins",
           .title = "Barlow Twins",
           .paper = "Barlow Twins: Self-Supervised Learning via Redundancy Reduction (Zbontar et al., 2021)",
           .presets =
               {{"imagenette-table",
                 "--views simclr --epochs 800 --batch 256 --optimizer sgd --lr 0.06 --weight-decay 5e-4 --decay-all "
                 "--warmup 0"},
                {"short", "--batch 128 --lr 0.4 --weight-decay 1e-4 --warmup 0.1 --lambda 0.05"}}},
      .defaults = {.fit = {.lr = 0.2f, .optimizer = "lars", .weight_decay = 1e-6f, .warmup = 0.01f}, .views = "byol"},
      .flags = {{"--lambda", "weight lambda of the off-diagonal elements of the cross-correlation matrix C",
                 &options.lambda, 0, 1},
                {"--projection", "units D of the projector's layers (0: four times the backbone's features)",
                 &options.width, 0, 1 << 20}}};

  return examples::train(argc, argv, program, [&](examples::Setup& setup) {
    return models::BarlowTwins(setup.backbone(), options, setup.generator());
  });
}
