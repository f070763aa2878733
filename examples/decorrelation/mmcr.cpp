// MMCR: the means of all images' views, as one matrix, get the largest nuclear norm that they can have.
// Learning Efficient Coding of Natural Images with Maximum Manifold Capacity Representations (Yerxa et al., 2023),
// arXiv:2303.03307.
//
//   bin/mmcr --preset short --data fashion-mnist --limit 10000 --width 16   a small one for two cores
//   bin/mmcr --preset cifar --data cifar10:DIR --epochs 500                 the paper's: 40 views of 32 images
//   bin/mmcr --preset imagenette-table --data imagefolder:DIR               ResNet-18 at 128 pixels, for a GPU
//
// docs/methods/mmcr.md has the recipe beside the paper's.
#include <fovea/losses/decorrelation/mmcr.h>
#include <fovea/models/methods/decorrelation/mmcr.h>

#include "common/training.h"

using namespace fovea;

int main(int argc, char** argv) {
  const examples::About about{
      .method = "mmcr",
      .title = "MMCR",
      .paper = "Maximum Manifold Capacity Representations (Yerxa et al., 2023)",
      .presets = {
          {"cifar", "--batch 32 --view-count 40 --lr 1e-3"},
          {"imagenette-table", "--epochs 800 --batch 256 --optimizer sgd --lr 0.06 --weight-decay 5e-4 --decay-all"},
          {"short", "--batch 128 --lr 0.003"}}};
  int hidden = 512, embedding = 128, count = 2;
  float lambda = 0, momentum = 0;
  const std::vector<examples::Flag> flags = {
      {"--hidden", "units of the projector's hidden layer", &hidden, 1, 1 << 20},
      {"--embedding", "units of its last layer", &embedding, 1, 1 << 20},
      {"--view-count", "views of an image", &count, 2, 1000},
      {"--lambda", "weight of the term that makes each image's views compact", &lambda, 0, 1000},
      {"--teacher-momentum", "share of a momentum network that stays each step; 0: no such network", &momentum, 0, 1}};

  examples::Options defaults{.lr = 1e-3f, .optimizer = "adam", .weight_decay = 1e-6f};
  return examples::run(argc, argv, about, defaults, flags, [&](const examples::Options& options) {
    examples::Training training(options, [&](int size) { return examples::make_views(options, size).cycle(count); });
    models::Mmcr model(training.backbone(), {hidden, embedding}, momentum > 0);
    if (model.momentum) training.teacher(*model.momentum, "", [&](int64_t, int64_t) { return double(momentum); });
    training.fit(model, model.backbone, [&](const data::Batch& batch, examples::Run& run) {
      const Tensor& x = batch.group(0);                                // [V N, S, S, C], one view after another
      Tensor z = model.projector(run.features(model.backbone, x));     // [V N, 128]
      Tensor slow = model.momentum ? (*model.momentum)(x) : Tensor();  // of it no gradient is kept
      run.watch(z.slice(0, batch.size()), z.slice(batch.size(), 2 * batch.size()));
      return losses::mmcr(z, {.views = z.size(0) / batch.size(), .lambda = lambda}, slow);
    });
  });
}
