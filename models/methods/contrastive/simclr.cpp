#include <fovea/models/methods/contrastive/simclr.h>

#include <cmath>

#include <fovea/losses/contrastive/nt_xent.h>
#include <fovea/models/parts/heads.h>

namespace fovea::models {

SimClr::SimClr(Backbone network, const SimClrOptions& o, Generator& generator)
    : options(o),
      backbone(std::move(network)),
      projector(simclr_head(backbone.features(), o.hidden, o.out, generator)) {}

Tensor SimClr::loss(const data::Batch& batch, Step& step) {
  Tensor h = step.features(backbone, batch.group(0));             // [2N, features], view after view
  const auto [z1, z2] = two_views(step.gather(projector(h), 2));  // [N, out]
  step.watch(z1, z2);
  step.chance(std::log(2.0 * double(z1.size(0)) - 1));
  return losses::nt_xent(z1, z2, options.temperature);
}

}  // namespace fovea::models
