#include <fovea/models/methods/contrastive/dcl.h>

#include <cmath>

#include <fovea/losses/contrastive/dcl.h>
#include <fovea/models/parts/heads.h>

namespace fovea::models {

Dcl::Dcl(Backbone network, const DclOptions& o, Generator& generator) : options(o), backbone(std::move(network)) {
  const int64_t features = backbone.features();
  projector = mlp_head({features, o.hidden > 0 ? o.hidden : features, o.out}, LastNorm::batch_norm, generator);
}

Tensor Dcl::loss(const data::Batch& batch, Step& step) {
  Tensor h = step.features(backbone, batch.group(0));             // [2N, features], view after view
  const auto [z1, z2] = two_views(step.gather(projector(h), 2));  // [N, out]
  step.watch(z1, z2);
  step.chance(std::log(2.0 * double(z1.size(0)) - 2));
  return options.weighted ? losses::dclw(z1, z2, {.temperature = options.temperature, .sigma = options.sigma})
                          : losses::dcl(z1, z2, options.temperature);
}

}  // namespace fovea::models
