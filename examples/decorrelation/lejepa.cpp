// LeJEPA: all views of an image agree, and every projection of the embeddings onto a line is normally distributed.
// LeJEPA: Provable and Scalable Self-Supervised Learning Without the Heuristics (Balestriero & LeCun, 2025),
// arXiv:2511.08544.
//
//   bin/lejepa --preset short --data fashion-mnist --limit 10000 --width 16   a small one for two cores
//   bin/lejepa --data cifar10:DIR --epochs 400 --out runs/cifar
//   bin/lejepa --preset imagenette-table --data imagefolder:DIR               ResNet-18 at 128 pixels, for a GPU
//
// No teacher, no predictor, no stop-gradient, no negatives. Defaults are the authors' for ResNets on ImageNet, with
// two global and six local views; docs/methods/lejepa.md tells the rest.
#include <fovea/models/methods/decorrelation/lejepa.h>

#include "common/train.h"

using namespace fovea;

int main(int argc, char** argv) {
  models::LeJepaOptions options;
  const examples::Program program{
      .about =
          {.method = "lejepa",
           .title = "LeJEPA",
           .paper = "LeJEPA: Provable and Scalable Self-Supervised Learning Without the Heuristics (Balestriero & "
                    "LeCun, 2025)",
           .presets = {{"imagenette-table",
                        "--views lejepa-equal --epochs 800 --batch 256 --lr 2e-3 --weight-decay 0.05 --warmup 0.00125 "
                        "--out-features 16 --lambda 0.02 --slices 256"},
                       {"short", "--views simclr --batch 128 --lr 4e-3 --weight-decay 5e-4 --warmup 0.1"}}},
      .defaults = {.fit = {.lr = 5e-4f, .optimizer = "adamw", .weight_decay = 5e-4f, .warmup = 0.01f},
                   .views = "lejepa"},
      .flags = {
          {"--lambda",
           "weight lambda of SIGReg: loss = lambda SIGReg + (1 - lambda) squared distance of views to mu, the mean of "
           "the global views",
           &options.lambda, 0, 1},
          {"--slices", "number of random directions S that SIGReg projects embeddings onto, new ones in each step",
           &options.slices, 1, 1 << 20},
          {"--out-features", "dimensions D of the embeddings, the projector's outputs", &options.out, 1, 1 << 20}}};

  return examples::train(argc, argv, program, [&](examples::Setup& setup) {
    return models::LeJepa(setup.backbone(), options, setup.generator());
  });
}
