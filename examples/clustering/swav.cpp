// SwAV: the cluster code of one crop is predicted from the other crops of the image.
// Unsupervised Learning of Visual Features by Contrasting Cluster Assignments (Caron et al., 2020), arXiv:2006.09882.
//
//   bin/swav --preset short --data fashion-mnist --limit 10000 --width 16   a small one for two cores
//   bin/swav --data cifar10:DIR --epochs 300 --out runs/cifar
//   bin/swav --preset imagenette-table --data imagefolder:DIR               ResNet-18 at 128 pixels, for a GPU
//
// Two global crops and six local ones of half their size. --micro-batch N with N the batch holds one crop at a time for
// the backward pass. docs/methods/swav.md has the recipe beside the paper's; bin/swav_queue adds the queues.
#include <cmath>

#include <fovea/losses/clustering/swav.h>
#include <fovea/models/methods/clustering/swav.h>
#include <fovea/models/parts/multi_crop.h>

#include "common/training.h"

using namespace fovea;

int main(int argc, char** argv) {
  const examples::About about{
      .method = "swav",
      .title = "SwAV",
      .paper = "Unsupervised Learning of Visual Features by Contrasting Cluster Assignments (Caron et al., 2020)",
      .presets = {{"imagenette-table",
                   "--epochs 800 --batch 256 --optimizer adam --lr 1e-3 --weight-decay 1e-6 --decay-all "
                   "--frozen-prototypes 0"},
                  {"short",
                   "--views simclr --strength 2 --batch 128 --optimizer sgd --lr 0.1 --weight-decay 5e-4 --warmup 0.1 "
                   "--prototypes 100 --frozen-prototypes 0 --epsilon 0.02"}}};
  float temperature = 0.1f, epsilon = 0.05f;
  int prototypes = 3000, frozen = 1;
  const std::vector<examples::Flag> flags = {
      {"--temperature", "of the predictions", &temperature, 1e-3, 100},
      {"--epsilon", "of the codes: smaller is harder", &epsilon, 1e-3, 100},
      {"--prototypes", "directions that codes are made of", &prototypes, 2, 1 << 20},
      {"--frozen-prototypes", "epochs for which prototypes stay as they are", &frozen, 0, 1e6}};

  examples::Options defaults{
      .lr = 0.6f, .optimizer = "lars", .weight_decay = 1e-6f, .decay_all = true, .views = "swav"};
  return examples::run(argc, argv, about, defaults, flags, [&](const examples::Options& options) {
    examples::Training training(options);
    models::Swav model(training.backbone(), {.prototypes = prototypes});
    training.fit(model, model.backbone, [&](const data::Batch& batch, examples::Run& run) {
      const int64_t n = batch.size(), views = batch.view_count();
      model.prototypes.normalize_();
      if (frozen > 0) nn::freeze(model.prototypes, run.epoch() < frozen);
      auto features = [&](const Tensor& x) { return run.features(model.backbone, x); };
      Tensor h = models::multi_crop(features, batch.groups());  // [V N, 512]: crop after crop, global ones first
      Tensor z = normalize(model.projector(h));                 // [V N, 128]
      run.watch(z.slice(0, n), z.slice(n, 2 * n));
      run.chance(std::log(double(prototypes)));
      Tensor scores = model.prototypes(z);  // [V N, K]
      if (run.watching()) run.watch_assignments(softmax(scores.slice(0, n).detach() / temperature));
      return losses::swav(scores, views, {}, {.temperature = temperature, .epsilon = epsilon});
    });
  });
}
