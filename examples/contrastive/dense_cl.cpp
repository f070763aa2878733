// DenseCL: MoCo for images, and at once for the places of their feature maps.
// Dense Contrastive Learning for Self-Supervised Visual Pre-Training (Wang et al., 2021), arXiv:2011.09157.
//
//   bin/dense_cl --preset short --limit 10000 --width 16  Fashion-MNIST, a small one for two cores
//   bin/dense_cl --data cifar10:DIR --epochs 200 --teacher-momentum 0.99 --out runs/cifar
//
// The defaults are the paper's, but for queues of 4096 keys, where it has 65536. docs/methods/dense_cl.md has more.
#include <cmath>

#include <fovea/losses/contrastive/dense_info_nce.h>
#include <fovea/losses/contrastive/info_nce.h>
#include <fovea/models/methods/contrastive/dense_cl.h>

#include "common/training.h"

using namespace fovea;

int main(int argc, char** argv) {
  const examples::About about{
      .method = "dense_cl",
      .title = "DenseCL",
      .paper = "Dense Contrastive Learning for Self-Supervised Visual Pre-Training (Wang et al., 2021)",
      .presets = {{"imagenette-table",
                   "--views simclr --teacher-momentum 0.99 --epochs 800 --batch 256 --lr 0.06 --weight-decay 5e-4"},
                  {"short",
                   "--views simclr --strength 2 --batch-norm --batch 128 --lr 0.06 --warmup 0.1 --weight-decay 5e-4 "
                   "--teacher-momentum 0.99"}}};
  float temperature = 0.2f, momentum = 0.999f, dense_weight = 0.5f;
  int negatives = 4096;
  bool batch_norm = false;
  const std::vector<examples::Flag> flags = {
      {"--temperature", "of both losses", &temperature, 1e-3, 100},
      {"--teacher-momentum", "share of the keys' network that stays each step", &momentum, 0, 1},
      {"--negatives", "keys in each of the two queues", &negatives, 1, 1 << 24},
      {"--dense-weight", "share of the loss of places", &dense_weight, 0, 1},
      {"--batch-norm", "in both heads, as in MoCo v3", &batch_norm}};
  const examples::Options defaults{.lr = 0.03f, .weight_decay = 1e-4f, .decay_all = true, .views = "simsiam"};

  return examples::run(argc, argv, about, defaults, flags, [&](const examples::Options& options) {
    examples::Training training(options);
    models::DenseCl model(training.backbone(), {.negatives = negatives, .batch_norm = batch_norm});
    training.teacher(model.key, "query.", [&](int64_t, int64_t) { return momentum; });
    training.fit(model, model.query.backbone, [&](const data::Batch& batch, examples::Run& run) {
      models::DenseFeatures q = model.query.heads(run.feature_map(model.query.backbone, batch.views[0]));
      models::DenseFeatures k = model.keys(batch.views[1]);  // no gradient is kept
      Tensor matches = losses::dense_matches(q.map, k.map);  // [N, places]
      run.watch(q.global, k.global);
      run.chance(std::log(1.0 + negatives));
      Tensor loss =
          (1 - dense_weight) * losses::info_nce(q.global, k.global, model.queue.rows(), temperature) +
          dense_weight * losses::dense_info_nce(q.dense, k.dense, matches, model.dense_queue.rows(), temperature);
      model.remember(k);
      return loss;
    });
  });
}
