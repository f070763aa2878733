#include <fovea/models/methods/supervised/supervised.h>

#include <cmath>

#include <fovea/core/ops.h>

namespace fovea::models {

Supervised::Supervised(Backbone network, const SupervisedOptions& o, Generator& generator)
    : options(o), backbone(std::move(network)), fc({.in = backbone.features(), .out = o.classes}, generator) {}

Tensor Supervised::loss(const data::Batch& batch, Step& step) {
  Tensor logits = fc(step.features(backbone, batch.group(0)));  // [2N, C], view after view
  step.chance(std::log(double(options.classes)));
  return cross_entropy(logits, concat({batch.labels(), batch.labels()}), {.label_smoothing = options.label_smoothing});
}

}  // namespace fovea::models
