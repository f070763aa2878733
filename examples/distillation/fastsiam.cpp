// FastSiam: SimSiam with four views, each predicting the mean of the other three: a calmer target, for small batches.
// FastSiam: Resource-Efficient Self-Supervised Learning on a Single GPU (Pototzky et al., 2022).
//
//   bin/fastsiam --preset short --data fashion-mnist --limit 10000 --width 16   a small one for two cores
//   bin/fastsiam --data cifar10:DIR --epochs 100 --out runs/cifar
//   bin/fastsiam --preset imagenette-table --data imagefolder:DIR               ResNet-18 at 128 pixels, for a GPU
//
// docs/methods/fastsiam.md has the recipe beside the paper's.
#include <fovea/models/methods/distillation/fastsiam.h>

#include "common/train.h"

using namespace fovea;

int main(int argc, char** argv) {
  models::SimSiamOptions options;
  const examples::Program program{
      .about = {.method = "fastsiam",
                .title = "FastSiam",
                .paper =
                    "FastSiam: Resource-Efficient Self-Supervised Learning on a Single GPU (Pototzky et al., 2022)",
                .presets = {{"imagenette-table", "--epochs 800 --batch 256 --lr 0.06 --weight-decay 5e-4 --decay-all"},
                            {"short",
                             "--strength 2 --batch 64 --lr 0.2 --decay-all --weight-decay 5e-4 --projection 1024"}}},
      .defaults = {.fit = {.lr = 0.05f, .weight_decay = 1e-4f}, .views = "fastsiam"},
      .flags = {{"--projection", "units D of the projector's layers; the predictor's hidden layer has D / 4 units",
                 &options.out, 4, 1 << 20}}};

  return examples::train(argc, argv, program, [&](examples::Setup& setup) {
    return models::FastSiam(setup.backbone(), options, setup.generator());
  });
}
