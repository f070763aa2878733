// SwAV with queues: the projections of earlier batches help to balance the codes, for batches that are smaller than the
// number of prototypes.
// Unsupervised Learning of Visual Features by Contrasting Cluster Assignments (Caron et al., 2020), arXiv:2006.09882.
//
//   bin/swav_queue --preset short --data fashion-mnist --limit 10000 --width 16   a small one for two cores
//   bin/swav_queue --data cifar10:DIR --epochs 300 --out runs/cifar
//   bin/swav_queue --preset imagenette-table --data imagefolder:DIR               ResNet-18 at 128 pixels, for a GPU
//
// Everything else is as in bin/swav. docs/methods/swav.md has the recipe beside the paper's.
#include <cmath>

#include <fovea/losses/clustering/swav.h>
#include <fovea/models/methods/clustering/swav_queue.h>
#include <fovea/models/parts/multi_crop.h>

#include "common/training.h"

using namespace fovea;

int main(int argc, char** argv) {
  const examples::About about{
      .method = "swav_queue",
      .title = "SwAV with queues",
      .paper = "Unsupervised Learning of Visual Features by Contrasting Cluster Assignments (Caron et al., 2020)",
      .presets = {{"imagenette-table",
                   "--epochs 800 --batch 256 --optimizer adam --lr 1e-3 --weight-decay 1e-6 --decay-all --queue 384"},
                  {"short",
                   "--views simclr --strength 2 --batch 128 --optimizer sgd --lr 0.1 --weight-decay 5e-4 --warmup 0.1 "
                   "--prototypes 100 --frozen-prototypes 0 --epsilon 0.02 --queue 384 --queue-start 5"}}};
  float temperature = 0.1f, epsilon = 0.05f;
  int prototypes = 3000, frozen = 1, queue = 3840, start = 15;
  const std::vector<examples::Flag> flags = {
      {"--temperature", "of the predictions", &temperature, 1e-3, 100},
      {"--epsilon", "of the codes: smaller is harder", &epsilon, 1e-3, 100},
      {"--prototypes", "directions that codes are made of", &prototypes, 2, 1 << 20},
      {"--frozen-prototypes", "epochs for which prototypes stay as they are", &frozen, 0, 1e6},
      {"--queue", "projections that each of the two queues holds", &queue, 1, 1 << 24},
      {"--queue-start", "epochs before the queues are used", &start, 0, 1e6}};

  examples::Options defaults{
      .lr = 0.6f, .optimizer = "lars", .weight_decay = 1e-6f, .decay_all = true, .views = "swav"};
  return examples::run(argc, argv, about, defaults, flags, [&](const examples::Options& options) {
    examples::Training training(options);
    models::SwavQueue model(training.backbone(), queue, {.prototypes = prototypes});
    training.fit(model, model.backbone, [&](const data::Batch& batch, examples::Run& run) {
      const int64_t n = batch.size(), views = batch.view_count();
      model.prototypes.normalize_();
      if (frozen > 0) nn::freeze(model.prototypes, run.epoch() < frozen);
      auto features = [&](const Tensor& x) { return run.features(model.backbone, x); };
      Tensor h = models::multi_crop(features, batch.groups());  // [V N, 512]: crop after crop, global ones first
      Tensor z = normalize(model.projector(h));                 // [V N, 128]
      Tensor queued = start == 0 || run.epoch() >= start ? model.queued() : Tensor();
      Tensor scores = model.prototypes(z);  // [V N, K]
      Tensor loss = losses::swav(scores, views, queued, {.temperature = temperature, .epsilon = epsilon});
      model.remember(z, n);
      run.watch(z.slice(0, n), z.slice(n, 2 * n));
      run.chance(std::log(double(prototypes)));
      if (run.watching()) run.watch_assignments(softmax(scores.slice(0, n).detach() / temperature));
      return loss;
    });
  });
}
