// Supervised learning of the same network, for comparison: a linear classifier on the backbone, trained on the labels.
//
//   bin/supervised --data fashion-mnist --limit 10000 --width 16
//
// Every image is seen in two views, as the other methods see it. What k-NN and a linear probe make of the features
// tells what labels add to the same augmentations, steps and images.
#include <cmath>

#include <fovea/nn/layers/linear.h>

#include "common/training.h"

using namespace fovea;

namespace {

struct Supervised : nn::Module {
  models::Backbone backbone;
  nn::Linear fc;

  Supervised(models::Backbone network, int64_t classes)
      : backbone(std::move(network)), fc({.in = backbone.features(), .out = classes}) {}
  void visit(nn::Visitor& v) override { v("backbone", backbone), v("fc", fc); }
  std::string describe() const override { return "Supervised"; }
};

}  // namespace

int main(int argc, char** argv) {
  const examples::About about{
      .method = "supervised",
      .title = "Supervised",
      .paper = "Deep Residual Learning for Image Recognition (He et al., 2015)",
      .presets = {{"imagenette-table", "--epochs 800 --batch 256"}, {"short", "--batch 128 --lr 0.1 --min-scale 0.2"}}};
  float smoothing = 0;
  const std::vector<examples::Flag> flags = {{"--label-smoothing", "of the cross-entropy", &smoothing, 0, 0.99}};

  return examples::run(argc, argv, about, {.lr = 0.1f, .labelled = true}, flags, [&](const examples::Options& options) {
    examples::Training training(options);
    Supervised model(training.backbone(), training.classes());
    training.fit(model, model.backbone, [&](const data::Batch& batch, examples::Run& run) {
      Tensor h = run.features(model.backbone, batch.group(0));
      run.chance(std::log(double(training.classes())));
      return cross_entropy(model.fc(h), concat({batch.labels(), batch.labels()}), {.label_smoothing = smoothing});
    });
  });
}
