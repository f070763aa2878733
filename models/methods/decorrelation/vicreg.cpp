#include <fovea/models/methods/decorrelation/vicreg.h>

#include <fovea/losses/decorrelation/vicreg.h>

namespace fovea::models {

VicReg::VicReg(Backbone network, const VicRegOptions& o, Generator& generator)
    : options(o), backbone(std::move(network)), projector(expander(backbone.features(), o.width, generator)) {}

Tensor VicReg::loss(const data::Batch& batch, Step& step) {
  const auto [z1, z2] = two_views(projector(step.features(backbone, batch.group(0))));  // [N, D] each
  step.watch(z1, z2);
  return losses::vicreg(
      step.gather(z1), step.gather(z2),
      {.invariance = options.invariance, .variance = options.variance, .covariance = options.covariance});
}

}  // namespace fovea::models
