// DirectCLR: SimCLR without a projector. InfoNCE sees a part of the backbone's own channels.
// Understanding Dimensional Collapse in Contrastive Self-supervised Learning (Jing et al., 2022), arXiv:2110.09348.
//
//   bin/directclr --preset short --data fashion-mnist --limit 10000 --width 16    a small one for two cores
//   bin/directclr --data imagefolder:DIR --epochs 100 --batch 512 --out runs/directclr
//
// A projector shields the backbone from the collapse of dimensions that a contrastive loss brings about. A loss that
// looks at 360 of 2048 channels does the same without one; the other channels learn through the residual connections.
// Accuracies are those of all channels.
#include <cmath>

#include <fovea/losses/contrastive/directclr.h>
#include <fovea/losses/contrastive/nt_xent.h>
#include <fovea/models/methods/contrastive/directclr.h>

#include "common/training.h"

using namespace fovea;

int main(int argc, char** argv) {
  const examples::About about{
      .method = "directclr",
      .title = "DirectCLR",
      .paper = "Understanding Dimensional Collapse in Contrastive Self-supervised Learning (Jing et al., 2022)",
      .presets = {{"imagenette-table",
                   "--epochs 800 --batch 256 --optimizer sgd --lr 0.06 --weight-decay 5e-4 --decay-all --warmup 0"},
                  {"lightly", "--channels 32 --temperature 0.5 --same-view-negatives"},
                  {"short", "--optimizer sgd --weight-decay 5e-4 --batch 128 --lr 0.24 --temperature 0.2"}}};
  float temperature = 0.1f;
  int channels = 0;
  bool same_view = false;
  const std::vector<examples::Flag> flags = {
      {"--temperature", "of InfoNCE", &temperature, 1e-3, 100},
      {"--channels", "that InfoNCE sees; 0: 360 of 2048", &channels, 0, 1 << 20},
      {"--same-view-negatives", "NT-Xent, in which views of one side repel each other too", &same_view}};
  const examples::Options defaults{
      .lr = 0.3f, .optimizer = "lars", .weight_decay = 1e-6f, .warmup = 0.1f, .views = "byol"};

  return examples::run(argc, argv, about, defaults, flags, [&](const examples::Options& options) {
    examples::Training training(options);
    models::DirectClr model(training.backbone(), channels);
    training.fit(model, model.backbone, [&](const data::Batch& batch, examples::Run& run) {
      Tensor r = run.features(model.backbone, batch.group(0));  // [2N, 512]: first views, then second views
      Tensor r0 = r.slice(0, batch.size()), r1 = r.slice(batch.size(), 2 * batch.size());
      run.watch(r0, r1);
      run.chance(std::log(double(same_view ? 2 * batch.size() - 1 : batch.size())));
      if (same_view)
        return losses::nt_xent(slice(r0, 1, 0, model.channels), slice(r1, 1, 0, model.channels), temperature);
      return losses::directclr(r0, r1, model.channels, temperature);
    });
  });
}
