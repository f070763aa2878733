// SimSiam: each view predicts the other's projection, through which no gradient flows. That alone keeps it alive.
// Exploring Simple Siamese Representation Learning (Chen & He, 2021), arXiv:2011.10566.
//
//   bin/simsiam --preset short --data fashion-mnist --limit 10000 --width 16   a small one for two cores
//   bin/simsiam --data cifar10:DIR --epochs 800 --out runs/cifar
//   bin/simsiam --preset imagenette-table --data imagefolder:DIR               ResNet-18 at 128 pixels, for a GPU
//   bin/simsiam --data synthetic --steps 60 --batch 64 --width 8 --projection 128 --lr 0.3 --no-stop-gradient
//
// The last line is a run that collapses. docs/methods/simsiam.md has the recipe beside the paper's.
#include <fovea/models/methods/distillation/simsiam.h>

#include "common/train.h"

using namespace fovea;

int main(int argc, char** argv) {
  models::SimSiamOptions options;
  const examples::Program program{
      .about = {.method = "simsiam",
                .title = "SimSiam",
                .paper = "Exploring Simple Siamese Representation Learning (Chen & He, 2021)",
                .presets = {{"imagenette-table", "--epochs 800 --batch 256 --lr 0.06 --weight-decay 5e-4 --decay-all"},
                            {"short",
                             "--strength 2 --batch 64 --lr 0.2 --decay-all --weight-decay 5e-4 --projection 1024"}}},
      .defaults = {.fit = {.lr = 0.05f, .weight_decay = 1e-4f}, .views = "simsiam"},
      .flags = {{"--no-stop-gradient",
                 "leave the stop-gradient out: the gradient reaches the targets too, and the network collapses",
                 &options.gradient_into_targets},
                {"--projection", "units D of the projector's layers; the predictor's hidden layer has D / 4 units",
                 &options.out, 4, 1 << 20}}};

  return examples::train(argc, argv, program, [&](examples::Setup& setup) {
    return models::SimSiam(setup.backbone(), options, setup.generator());
  });
}
