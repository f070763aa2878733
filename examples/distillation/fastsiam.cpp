// FastSiam: SimSiam with four views, each predicting the mean of the other three: a calmer target, for small batches.
// FastSiam: Resource-Efficient Self-Supervised Learning on a Single GPU (Pototzky et al., 2022).
//
//   bin/fastsiam --preset short --data fashion-mnist --limit 10000 --width 16   a small one for two cores
//   bin/fastsiam --data cifar10:DIR --epochs 100 --out runs/cifar
//   bin/fastsiam --preset imagenette-table --data imagefolder:DIR               ResNet-18 at 128 pixels, for a GPU
//
// docs/methods/fastsiam.md has the recipe beside the paper's.
#include <fovea/losses/distillation/negative_cosine.h>
#include <fovea/models/methods/distillation/fastsiam.h>

#include "common/training.h"

using namespace fovea;

int main(int argc, char** argv) {
  const examples::About about{
      .method = "fastsiam",
      .title = "FastSiam",
      .paper = "FastSiam: Resource-Efficient Self-Supervised Learning on a Single GPU (Pototzky et al., 2022)",
      .presets = {{"imagenette-table", "--epochs 800 --batch 256 --lr 0.06 --weight-decay 5e-4 --decay-all"},
                  {"short", "--strength 2 --batch 64 --lr 0.2 --decay-all --weight-decay 5e-4 --projection 1024"}}};
  int width = 2048;
  const std::vector<examples::Flag> flags = {
      {"--projection", "units of the projector's layers; the predictor's bottleneck has a quarter", &width, 4,
       1 << 20}};

  examples::Options defaults{.lr = 0.05f, .weight_decay = 1e-4f, .views = "fastsiam"};
  return examples::run(argc, argv, about, defaults, flags, [&](const examples::Options& options) {
    examples::Training training(options);
    models::FastSiam model(training.backbone(), width, width / 4);
    training.fit(model, model.backbone, [&](const data::Batch& batch, examples::Run& run) {
      Tensor h = run.features(model.backbone, batch.group(0));  // [V * N, 512], one view's rows after another
      Tensor z = model.projector(h), p = model.predictor(z);    // [V * N, 2048] both
      run.watch(z.slice(0, batch.size()), z.slice(batch.size(), 2 * batch.size()));
      return losses::negative_cosine(p, losses::mean_of_others(z.detach(), z.size(0) / batch.size()));
    });
  });
}
