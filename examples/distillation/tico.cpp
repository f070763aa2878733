// TiCo: two views agree, and a penalty on the embeddings' running second moments keeps them spread.
// TiCo: Transformation Invariance and Covariance Contrast (Zhu et al., 2022), arXiv:2206.10698.
//
//   bin/tico --preset short --data fashion-mnist --limit 10000 --width 16   a small one for two cores
//   bin/tico --data cifar10:DIR --epochs 300 --out runs/cifar
//   bin/tico --preset imagenette-table --data imagefolder:DIR               ResNet-18 at 128 pixels, for a GPU
//
// docs/methods/tico.md has the recipe beside the paper's.
#include <fovea/models/methods/distillation/tico.h>

#include "common/train.h"

using namespace fovea;

int main(int argc, char** argv) {
  models::TicoOptions options;
  const examples::Program program{
      .about = {.method = "tico",
                .title = "TiCo",
                .paper = "TiCo: Transformation Invariance and Covariance Contrast (Zhu et al., 2022)",
                .presets =
                    {{"imagenette-table",
                      "--views simclr --epochs 800 --batch 256 --lr 0.3 --warmup 0.05 --weight-decay 1e-4 --decay-all "
                      "--rho 20 --hidden 1024 --teacher-momentum 0.996"},
                     {"short",
                      "--views simclr --strength 2 --batch 64 --lr 0.1 --warmup 0.05 --rho 20 --teacher-momentum 0.9 "
                      "--hidden 1024"}}},
      .defaults = {.fit = {.lr = 0.3f, .weight_decay = 1e-4f}, .views = "byol"},
      .flags = {
          {"--rho", "weight rho of the covariance contrast, the mean of a^T C a over embeddings a", &options.rho, 0,
           1e6},
          {"--beta",
           "beta of C, the running second moments: C = beta C + (1 - beta) B, B the second moments of the batch",
           &options.beta, 0, 1},
          {"--teacher-momentum",
           "momentum m of the target network, from this number to 1 along half a cosine: target = m target + (1 - m) "
           "online",
           &options.momentum, 0, 1},
          {"--hidden", "units of the projector's hidden layer", &options.hidden, 1, 1 << 20}}};

  return examples::train(argc, argv, program, [&](examples::Setup& setup) {
    return models::Tico(setup.backbone(), options, setup.generator());
  });
}
