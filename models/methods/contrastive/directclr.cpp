#include <fovea/models/methods/contrastive/directclr.h>

#include <algorithm>
#include <cmath>

#include <fovea/core/check.h>
#include <fovea/core/ops.h>
#include <fovea/losses/contrastive/directclr.h>
#include <fovea/losses/contrastive/nt_xent.h>

namespace fovea::models {

DirectClr::DirectClr(Backbone network, const DirectClrOptions& o) : options(o), backbone(std::move(network)) {
  const int64_t features = backbone.features();
  if (options.channels <= 0) options.channels = std::max(int64_t(1), features * 360 / 2048);
  check(options.channels <= features, "DirectClr: want at most {} channels, got {}", features, options.channels);
}

Tensor DirectClr::loss(const data::Batch& batch, Step& step) {
  Tensor r = step.gather(step.features(backbone, batch.group(0)), 2);  // [2N, features], view after view
  const auto [r1, r2] = two_views(r);
  const int64_t n = r1.size(0), d = options.channels;
  step.watch(r1, r2);
  step.chance(std::log(double(options.same_view_negatives ? 2 * n - 1 : n)));
  if (options.same_view_negatives) return losses::nt_xent(slice(r1, 1, 0, d), slice(r2, 1, 0, d), options.temperature);
  return losses::directclr(r1, r2, {.channels = d, .temperature = options.temperature});
}

}  // namespace fovea::models
