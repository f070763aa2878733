#include <fovea/models/methods/distillation/simsiam.h>

#include <fovea/losses/distillation/negative_cosine.h>

namespace fovea::models {

SimSiam::SimSiam(Backbone network, const SimSiamOptions& o, Generator& generator)
    : options(o),
      backbone(std::move(network)),
      projector(mlp_head({backbone.features(), o.out, o.out, o.out}, LastNorm::batch_norm_without_affine, generator)),
      predictor(mlp_head({o.out, o.bottleneck > 0 ? o.bottleneck : o.out / 4, o.out}, LastNorm::none, generator)) {}

Tensor SimSiam::loss(const data::Batch& batch, Step& step) {
  Tensor z = projector(step.features(backbone, batch.group(0)));  // [2N, D], view after view
  const auto [p1, p2] = two_views(predictor(z));
  const auto [z1, z2] = two_views(z);
  const auto [y1, y2] = two_views(options.gradient_into_targets ? z : z.detach());
  step.watch(z1, z2);
  return (losses::negative_cosine(p1, y2) + losses::negative_cosine(p2, y1)) / 2;
}

}  // namespace fovea::models
