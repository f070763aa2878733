#include <fovea/models/methods/decorrelation/w_mse.h>

#include <algorithm>

#include <fovea/losses/decorrelation/w_mse.h>

namespace fovea::models {

static nn::Sequential head(int64_t features, const WMseOptions& o, Generator& generator) {
  const int64_t out = o.out > 0 ? o.out : std::min<int64_t>(o.group / 2, 64);
  return make_head(
      {{.in = features, .out = o.hidden, .batch_norm = true, .relu = true, .bias = true}, {.in = o.hidden, .out = out}},
      generator);
}

WMse::WMse(Backbone network, const WMseOptions& o, Generator& generator)
    : options(o), backbone(std::move(network)), projector(head(backbone.features(), o, generator)) {}

Tensor WMse::loss(const data::Batch& batch, Step& step) {
  const int64_t n = batch.size();
  Tensor z = projector(step.features(backbone, batch.group(0)));  // [V N, D], view after view
  const int64_t views = z.size(0) / n;
  step.watch(z.slice(0, n), z.slice(n, 2 * n));
  return losses::w_mse(
      step.gather(z, views),
      {.views = views, .group = options.group, .iterations = int(options.iterations), .eps = options.eps});
}

}  // namespace fovea::models
