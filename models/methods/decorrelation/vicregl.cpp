#include <fovea/models/methods/decorrelation/vicregl.h>

#include <fovea/core/ops.h>
#include <fovea/losses/decorrelation/vicregl.h>

namespace fovea::models {

static nn::Sequential local_head(int64_t features, const VicRegLOptions& o, Generator& generator) {
  auto block = [&](int64_t in) {
    return HeadLayer{.in = in, .out = o.local, .batch_norm = !o.layer_norm, .relu = true, .layer_norm = o.layer_norm};
  };
  return make_head({block(features), block(o.local), {.in = o.local, .out = o.local}}, generator);
}

VicRegL::VicRegL(Backbone network, const VicRegLOptions& o, Generator& generator)
    : options(o),
      backbone(std::move(network)),
      projector(expander(backbone.features(), o.width, generator)),
      local_projector(local_head(backbone.features(), o, generator)) {}

Tensor VicRegL::local(const Tensor& map) {
  const int64_t n = map.size(0), places = map.size(1) * map.size(2);
  return local_projector(map.reshape({n * places, map.size(3)})).reshape({n, places, -1});
}

Tensor VicRegL::loss(const data::Batch& batch, Step& step) {
  Tensor map = step.feature_map(backbone, batch.group(0));                         // [2N, h, w, features]
  Tensor crops = batch["places"].slice(0, 2).reshape({2 * batch.size(), 2, 3});    // view after view
  const auto [z1, z2] = two_views(projector(mean(map, {1, 2})));                   // [N, width] each
  const auto [y1, y2] = two_views(local(map));                                     // [N, h w, local]
  const auto [c1, c2] = two_views(cell_centres(crops, map.size(1), map.size(2)));  // [N, h w, 2]
  step.watch(z1, z2);
  return losses::vicregl(
      {{step.gather(z1), step.gather(y1), step.gather(c1)}, {step.gather(z2), step.gather(y2), step.gather(c2)}},
      {.alpha = options.alpha,
       .matches = options.matches,
       .matches_back = options.matches_back,
       .all_feature_matches = !options.few_feature_matches});
}

}  // namespace fovea::models
