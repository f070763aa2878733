#include <fovea/models/methods/decorrelation/barlow_twins.h>

#include <fovea/losses/decorrelation/barlow_twins.h>

namespace fovea::models {

BarlowTwins::BarlowTwins(Backbone network, const BarlowTwinsOptions& o, Generator& generator)
    : options(o), backbone(std::move(network)), projector(expander(backbone.features(), o.width, generator)) {}

Tensor BarlowTwins::loss(const data::Batch& batch, Step& step) {
  const auto [z1, z2] = two_views(projector(step.features(backbone, batch.group(0))));  // [N, D] each
  step.watch(z1, z2);
  return losses::barlow_twins(step.gather(z1), step.gather(z2), options.lambda);
}

}  // namespace fovea::models
