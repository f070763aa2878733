// BYOL: a network predicts what a slowly following copy of itself makes of the other view; no negatives.
// Bootstrap Your Own Latent: A New Approach to Self-Supervised Learning (Grill et al., 2020), arXiv:2006.07733.
//
//   bin/byol --preset short --data fashion-mnist --limit 10000 --width 16    a small one for two cores
//   bin/byol --data cifar10:DIR --epochs 300 --out runs/cifar
//   bin/byol --preset imagenette-table --data imagefolder:DIR                ResNet-18 at 128 pixels, for a GPU
//
// Networks, views and the teacher's momentum are the paper's; the optimiser is SGD where the paper has LARS
// (--optimizer lars --lr 0.2 --weight-decay 1.5e-6). docs/methods/byol.md tells the rest.
#include <fovea/losses/distillation/negative_cosine.h>
#include <fovea/models/methods/distillation/byol.h>
#include <fovea/nn/train/schedule.h>

#include "common/training.h"

using namespace fovea;

int main(int argc, char** argv) {
  const examples::About about{
      .method = "byol",
      .title = "BYOL",
      .paper = "Bootstrap Your Own Latent (Grill et al., 2020)",
      .presets = {
          {"imagenette-table",
           "--views simclr --epochs 800 --batch 256 --lr 0.06 --decay-all "
           "--teacher-momentum 0.99 --final-momentum 0.99"},
          {"short",
           "--views simclr --strength 2 --batch 64 --lr 0.1 --warmup 0.1 --weight-decay 5e-4 --teacher-momentum 0.95 "
           "--decay-all --hidden 1024"}}};
  float momentum = 0.996f, last_momentum = 1;
  int hidden = 4096;
  const std::vector<examples::Flag> flags = {
      {"--teacher-momentum", "share of the teacher that stays each step, at the start", &momentum, 0, 1},
      {"--final-momentum", "the same at the end, reached along half a cosine", &last_momentum, 0, 1},
      {"--hidden", "units of the hidden layers of projector and predictor", &hidden, 1, 1 << 20}};

  return examples::run(argc, argv, about, {.views = "byol"}, flags, [&](const examples::Options& options) {
    examples::Training training(options);
    models::Byol model(training.backbone(), 256, hidden);
    training.teacher(model.target, "online.", [&](int64_t step, int64_t steps) {
      return nn::byol_momentum(step, steps, momentum, last_momentum);
    });
    training.fit(model, model.online.backbone, [&](const data::Batch& batch, examples::Run& run) {
      const Tensor& x = batch.groups[0];  // [2N, S, S, C]: first views, then second views
      Tensor z = model.online.projector(run.features(model.online.backbone, x));  // [2N, 256]
      Tensor p = model.predictor(z), y = model.target(x);                         // of y no gradient is kept
      const int64_t n = batch.size();
      run.watch(z.slice(0, n), z.slice(n, 2 * n));
      return (losses::negative_cosine(p.slice(0, n), y.slice(n, 2 * n)) +
              losses::negative_cosine(p.slice(n, 2 * n), y.slice(0, n))) /
             2;
    });
  });
}
