// SimSiam: each view predicts the other's projection, through which no gradient flows. That alone keeps it alive.
// Exploring Simple Siamese Representation Learning (Chen & He, 2021), arXiv:2011.10566.
//
//   bin/simsiam --preset short --data fashion-mnist --limit 10000 --width 16   a small one for two cores
//   bin/simsiam --data cifar10:DIR --epochs 800 --out runs/cifar
//   bin/simsiam --preset imagenette-table --data imagefolder:DIR               ResNet-18 at 128 pixels, for a GPU
//   bin/simsiam --data synthetic --steps 60 --batch 64 --width 8 --projection 128 --lr 0.3 --no-stop-gradient
//
// The last line is a run that collapses. docs/methods/simsiam.md has the recipe beside the paper's.
#include <fovea/losses/distillation/negative_cosine.h>
#include <fovea/models/methods/distillation/simsiam.h>

#include "common/training.h"

using namespace fovea;

int main(int argc, char** argv) {
  const examples::About about{
      .method = "simsiam",
      .title = "SimSiam",
      .paper = "Exploring Simple Siamese Representation Learning (Chen & He, 2021)",
      .presets = {{"imagenette-table", "--epochs 800 --batch 256 --lr 0.06 --weight-decay 5e-4 --decay-all"},
                  {"short", "--strength 2 --batch 64 --lr 0.2 --decay-all --weight-decay 5e-4 --projection 1024"}}};
  bool no_stop_gradient = false;
  int width = 2048;
  const std::vector<examples::Flag> flags = {
      {"--no-stop-gradient", "let the gradient into the targets too, which makes the method collapse",
       &no_stop_gradient},
      {"--projection", "units of the projector's layers; the predictor's bottleneck has a quarter", &width, 4,
       1 << 20}};

  examples::Options defaults{.lr = 0.05f, .weight_decay = 1e-4f, .views = "simsiam"};
  return examples::run(argc, argv, about, defaults, flags, [&](const examples::Options& options) {
    examples::Training training(options);
    models::SimSiam model(training.backbone(), width, width / 4);
    training.fit(model, model.backbone, [&](const data::Batch& batch, examples::Run& run) {
      Tensor h = run.features(model.backbone, batch.group(0));  // [2N, 512]: first views, then second views
      Tensor z = model.projector(h), p = model.predictor(z);    // [2N, 2048] both
      const int64_t n = batch.size();
      run.watch(z.slice(0, n), z.slice(n, 2 * n));
      Tensor target = no_stop_gradient ? z : z.detach();
      return (losses::negative_cosine(p.slice(0, n), target.slice(n, 2 * n)) +
              losses::negative_cosine(p.slice(n, 2 * n), target.slice(0, n))) /
             2;
    });
  });
}
