#include <fovea/models/methods/contrastive/supcon.h>

#include <cmath>

#include <fovea/losses/contrastive/supcon.h>
#include <fovea/models/parts/heads.h>

namespace fovea::models {

SupCon::SupCon(Backbone network, const SupConOptions& o, Generator& generator)
    : options(o), backbone(std::move(network)) {
  const int64_t features = backbone.features(), hidden = o.hidden > 0 ? o.hidden : features;
  projector = make_head({{.in = features, .out = hidden, .relu = true}, {.in = hidden, .out = o.out}}, generator);
}

Tensor SupCon::loss(const data::Batch& batch, Step& step) {
  Tensor h = step.features(backbone, batch.group(0));  // [2N, features], view after view
  Tensor z = step.gather(projector(h), 2);             // [2N, out]
  const auto [z1, z2] = two_views(z);
  step.watch(z1, z2);
  step.chance(std::log(double(z.size(0)) - 1));
  const auto mean = options.mean_inside ? losses::SupConMean::inside : losses::SupConMean::outside;
  return losses::supcon(z, step.gather(batch.labels()), options.temperature, mean);
}

}  // namespace fovea::models
