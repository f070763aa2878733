// TiCo: two views agree, and a penalty on the embeddings' running second moments keeps them spread.
// TiCo: Transformation Invariance and Covariance Contrast (Zhu et al., 2022), arXiv:2206.10698.
//
//   bin/tico --preset short --data fashion-mnist --limit 10000 --width 16   a small one for two cores
//   bin/tico --data cifar10:DIR --epochs 300 --out runs/cifar
//   bin/tico --preset imagenette-table --data imagefolder:DIR               ResNet-18 at 128 pixels, for a GPU
//
// docs/methods/tico.md has the recipe beside the paper's.
#include <fovea/losses/distillation/tico.h>
#include <fovea/models/methods/distillation/tico.h>
#include <fovea/models/with_loss.h>
#include <fovea/nn/train/schedule.h>

#include "common/training.h"

using namespace fovea;

int main(int argc, char** argv) {
  const examples::About about{
      .method = "tico",
      .title = "TiCo",
      .paper = "TiCo: Transformation Invariance and Covariance Contrast (Zhu et al., 2022)",
      .presets = {{"imagenette-table",
                   "--views simclr --epochs 800 --batch 256 --lr 0.3 --warmup 0.05 --weight-decay 1e-4 --decay-all "
                   "--rho 20 --hidden 1024 --teacher-momentum 0.996"},
                  {"short",
                   "--views simclr --strength 2 --batch 64 --lr 0.1 --warmup 0.05 --rho 20 --teacher-momentum 0.9 "
                   "--hidden 1024"}}};
  float rho = 8, beta = 0.9f, momentum = 0.99f;
  int hidden = 4096;
  const std::vector<examples::Flag> flags = {
      {"--rho", "weight of the penalty", &rho, 0, 1e6},
      {"--beta", "share of the running matrix that stays each step", &beta, 0, 1},
      {"--teacher-momentum", "share of the teacher that stays each step, at the start; rises to 1", &momentum, 0, 1},
      {"--hidden", "units of the projector's hidden layer", &hidden, 1, 1 << 20}};

  examples::Options defaults{.lr = 0.3f, .weight_decay = 1e-4f, .views = "byol"};
  return examples::run(argc, argv, about, defaults, flags, [&](const examples::Options& options) {
    examples::Training training(options);
    models::WithLoss model(models::Tico(training.backbone(), 256, hidden),
                           losses::Tico({.features = 256, .rho = rho, .beta = beta}));
    training.teacher(model.target, "online.",
                     [&](int64_t step, int64_t steps) { return nn::byol_momentum(step, steps, momentum); });
    training.fit(model, model.online.backbone, [&](const data::Batch& batch, examples::Run& run) {
      Tensor z0 = model.online.projector(run.features(model.online.backbone, batch.view(0)));  // [N, 256]
      Tensor z1 = model.target(batch.view(1));                                                 // without gradient
      run.watch(z0, z1);
      return model.loss(z0, z1);
    });
  });
}
