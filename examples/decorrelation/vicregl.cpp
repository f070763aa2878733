// VICRegL: VICReg of whole images, and VICReg of the places that two views of an image share.
// VICRegL: Self-Supervised Learning of Local Visual Features (Bardes et al., 2022), arXiv:2210.01571.
//
//   bin/vicregl --preset short --data fashion-mnist --limit 10000 --width 16   a small one for two cores
//   bin/vicregl --data cifar10:DIR --epochs 300 --out runs/cifar
//   bin/vicregl --preset imagenette-table --data imagefolder:DIR               ResNet-18 at 128 pixels, for a GPU
//
// Which places two views share follows from their crops and flips, which the loader hands on with the batch. Networks,
// views, weights and optimiser are the paper's; docs/methods/vicregl.md tells the rest.
#include <fovea/losses/decorrelation/vicregl.h>
#include <fovea/models/methods/decorrelation/vicregl.h>

#include "common/training.h"

using namespace fovea;

int main(int argc, char** argv) {
  const examples::About about{
      .method = "vicregl",
      .title = "VICRegL",
      .paper = "VICRegL: Self-Supervised Learning of Local Visual Features (Bardes et al., 2022)",
      .presets = {{"imagenette-table",
                   "--views vicregl --epochs 800 --batch 256 --optimizer lars-lightly --lr 0.3 --weight-decay 1e-4 "
                   "--decay-all --warmup 0.025 --local 128 --layer-norm --matches 16"},
                  {"short",
                   "--batch 128 --optimizer sgd --lr 0.06 --weight-decay 5e-4 --warmup 0.1 --local 128 --strength 2"}}};
  float alpha = 0.75f;
  int width = 0, local = 512, matches = 20, matches_back = 4;
  bool layer_norm = false, few = false;
  const std::vector<examples::Flag> flags = {
      {"--alpha", "weight of the global loss; the local one has the rest", &alpha, 0, 1},
      {"--matches", "pairs of places that are nearest by location", &matches, 1, 1 << 20},
      {"--matches-back", "the same from the second view to the first", &matches_back, 1, 1 << 20},
      {"--few-feature-matches", "as few pairs that are nearest by their features, in place of all", &few},
      {"--projection", "units of the projector's layers; 0: four times the features", &width, 0, 1 << 20},
      {"--local", "units of the local projector's layers", &local, 2, 1 << 20},
      {"--layer-norm", "in the local projector, in place of batch norm", &layer_norm}};

  examples::Options defaults{.lr = 0.15f, .optimizer = "lars", .weight_decay = 1e-6f, .warmup = 0.03f, .views = "byol"};
  return examples::run(argc, argv, about, defaults, flags, [&](const examples::Options& options) {
    examples::Training training(options);
    models::VicRegL model(training.backbone(), {width, local, layer_norm});
    training.fit(model, model.backbone, [&](const data::Batch& batch, examples::Run& run) {
      Tensor map = run.feature_map(model.backbone, batch.group(0));  // [2N, h, w, 512]
      Tensor z = model.embedding(map), places = model.local(map);    // [2N, 2048], [2N, h w, 512]
      std::vector<losses::VicReglView> views;
      for (int64_t v = 0; v < 2; ++v) {
        const int64_t begin = v * batch.size(), end = begin + batch.size();
        Tensor crop = batch["places"].slice(v, v + 1).reshape({batch.size(), 2, 3});
        views.push_back({z.slice(begin, end), places.slice(begin, end), cell_centres(crop, map.size(1), map.size(2))});
      }
      run.watch(views[0].embedding, views[1].embedding);
      return losses::vicregl(
          views, {.alpha = alpha, .matches = matches, .matches_back = matches_back, .all_feature_matches = !few});
    });
  });
}
