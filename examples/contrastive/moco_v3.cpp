// MoCo v3 for ResNets: the keys of the batch are the negatives, a predictor stands on the trained side.
// An Empirical Study of Training Self-Supervised Vision Transformers (Chen et al., 2021), arXiv:2104.02057.
//
//   bin/moco_v3 --preset short --limit 10000 --width 16   Fashion-MNIST, a small one for two cores
//   bin/moco_v3 --data cifar10:DIR --epochs 200 --out runs/cifar
//
// The defaults are the paper's: LARS, warm-up over a tenth of the run, views as BYOL's with crops from a fifth of the
// image, temperature 1 (so for ResNets), and a momentum that rises to 1. docs/methods/moco_v3.md tells the rest.
#include <cmath>

#include <fovea/losses/contrastive/info_nce.h>
#include <fovea/models/methods/contrastive/moco.h>
#include <fovea/nn/train/schedule.h>

#include "common/training.h"

using namespace fovea;

int main(int argc, char** argv) {
  const examples::About about{
      .method = "moco_v3",
      .title = "MoCo v3",
      .paper = "An Empirical Study of Training Self-Supervised Vision Transformers (Chen et al., 2021)",
      .presets = {{"imagenette-table", "--epochs 800 --batch 256 --lr 0.3"},
                  {"short",
                   "--optimizer sgd --batch 128 --lr 0.24 --weight-decay 5e-4 --warmup 0 --views simclr --strength 2 "
                   "--min-scale 0.08 --temperature 0.2 --teacher-momentum 0.95 --hidden 512"}}};
  float temperature = 1, momentum = 0.99f;
  int hidden = 4096;
  const std::vector<examples::Flag> flags = {
      {"--temperature", "of the loss", &temperature, 1e-3, 100},
      {"--teacher-momentum", "share of the keys' network that stays each step, at the start; rises to 1", &momentum, 0,
       1},
      {"--hidden", "units of the hidden layers of projector and predictor", &hidden, 1, 1 << 20}};
  const examples::Options defaults{
      .lr = 0.6f, .optimizer = "lars", .weight_decay = 1e-6f, .warmup = 0.1f, .views = "byol", .min_scale = 0.2f};

  return examples::run(argc, argv, about, defaults, flags, [&](const examples::Options& options) {
    examples::Training training(options);
    models::MocoV3 model(training.backbone(), hidden);
    training.teacher(model.key, "query.",
                     [&](int64_t step, int64_t steps) { return nn::byol_momentum(step, steps, momentum); });
    training.fit(model, model.query.backbone, [&](const data::Batch& batch, examples::Run& run) {
      const int64_t n = batch.size();
      const Tensor& x = batch.group(0);  // [2N, S, S, C]: first views, then second views
      Tensor z = model.query.projector(run.features(model.query.backbone, x));
      Tensor q = model.predictor(z), k = model.key(x);  // of k no gradient is kept
      run.watch(q.slice(0, n), k.slice(n, 2 * n));
      run.chance(4 * double(temperature) * std::log(double(n)));
      return 2 * temperature *
             (losses::info_nce(q.slice(0, n), k.slice(n, 2 * n), temperature) +
              losses::info_nce(q.slice(n, 2 * n), k.slice(0, n), temperature));
    });
  });
}
