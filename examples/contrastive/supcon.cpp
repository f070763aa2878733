// SupCon: contrastive learning with labels. All views of all images of a class attract.
// Supervised Contrastive Learning (Khosla et al., 2020), arXiv:2004.11362.
//
//   bin/supcon --preset short --data fashion-mnist --limit 10000 --width 16    a small one for two cores
//   bin/supcon --data cifar10:DIR --batch 1024 --epochs 1000 --warmup 0.01 --out runs/supcon
//
// The only contrastive method here that sees labels: compare its accuracies with a classifier's, not with SimCLR's. The
// projector is thrown away after training, and what is measured are the frozen features.
#include <cmath>

#include <fovea/losses/contrastive/supcon.h>
#include <fovea/models/methods/contrastive/supcon.h>

#include "common/training.h"

using namespace fovea;

int main(int argc, char** argv) {
  const examples::About about{
      .method = "supcon",
      .title = "SupCon",
      .paper = "Supervised Contrastive Learning (Khosla et al., 2020)",
      .presets = {{"imagenette-table", "--epochs 800 --batch 256 --lr 0.06 --weight-decay 5e-4"},
                  {"short", "--batch 128 --lr 0.24"}}};
  float temperature = 0.1f;
  bool inside = false;
  const std::vector<examples::Flag> flags = {
      {"--temperature", "of SupCon", &temperature, 1e-3, 100},
      {"--mean-inside", "the mean over positives inside the logarithm: the paper's weaker form", &inside}};
  const examples::Options defaults{
      .lr = 0.125f, .weight_decay = 1e-4f, .decay_all = true, .views = "simsiam", .blur = 0, .labelled = true};

  return examples::run(argc, argv, about, defaults, flags, [&](const examples::Options& options) {
    examples::Training training(options);
    models::SupCon model(training.backbone());
    const auto mean = inside ? losses::SupConMean::inside : losses::SupConMean::outside;
    training.fit(model, model.backbone, [&](const data::Batch& batch, examples::Run& run) {
      Tensor h = run.features(model.backbone, batch.group(0));  // [2N, 512]: first views, then second views
      Tensor z = model.projector(h);                            // [2N, 128]
      run.watch(z.slice(0, batch.size()), z.slice(batch.size(), 2 * batch.size()));
      run.chance(std::log(2.0 * double(batch.size()) - 1));
      return losses::supcon(z, batch.labels(), temperature, mean);
    });
  });
}
