#include <fovea/models/methods/contrastive/hypersphere.h>

#include <fovea/losses/contrastive/hypersphere.h>
#include <fovea/models/parts/heads.h>

namespace fovea::models {

Hypersphere::Hypersphere(Backbone network, const HypersphereOptions& o, Generator& generator)
    : options(o), backbone(std::move(network)) {
  const int64_t features = backbone.features();
  projector = mlp_head({features, o.hidden > 0 ? o.hidden : features, o.out}, LastNorm::none, generator);
}

Tensor Hypersphere::loss(const data::Batch& batch, Step& step) {
  Tensor h = step.features(backbone, batch.group(0));           // [2N, features], view after view
  const auto [x, y] = two_views(step.gather(projector(h), 2));  // [N, out]
  step.watch(x, y);
  return losses::hypersphere(x, y,
                             {.alpha = options.alpha,
                              .t = options.t,
                              .align_weight = options.align_weight,
                              .uniform_weight = options.uniform_weight});
}

}  // namespace fovea::models
