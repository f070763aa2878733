#include <fovea/models/methods/decorrelation/mmcr.h>

#include <fovea/losses/decorrelation/mmcr.h>
#include <fovea/models/parts/heads.h>

namespace fovea::models {

static nn::Sequential head(int64_t features, const MmcrOptions& o, Generator& generator) {
  std::vector<HeadLayer> layers;
  for (int64_t i = 0; i < o.hidden_layers; ++i)
    layers.push_back({.in = i ? o.hidden : features, .out = o.hidden, .batch_norm = true, .relu = true, .bias = false});
  layers.push_back({.in = layers.empty() ? features : o.hidden, .out = o.out, .bias = false});
  return make_head(layers, generator);
}

Mmcr::Mmcr(Backbone network, const MmcrOptions& o, Generator& generator)
    : options(o), backbone(std::move(network)), projector(head(backbone.features(), o, generator)) {
  if (o.momentum > 0) momentum.emplace(Encoder(backbone, projector));
}

std::vector<Follows> Mmcr::teachers() {
  if (!momentum) return {};
  return {{&*momentum, "", [this](const Position&) { return double(options.momentum); }}};
}

void Mmcr::visit(nn::Visitor& v) {
  v("backbone", backbone), v("projector", projector);
  if (momentum) v("momentum", *momentum);
}

Tensor Mmcr::loss(const data::Batch& batch, Step& step) {
  const Tensor& x = batch.group(0);  // [V N, S, S, C], view after view
  const int64_t n = batch.size(), views = x.size(0) / n;
  Tensor z = projector(step.features(backbone, x));                        // [V N, D]
  Tensor slow = momentum ? step.gather((*momentum)(x), views) : Tensor();  // of it no gradient is kept
  step.watch(z.slice(0, n), z.slice(n, 2 * n));
  return losses::mmcr(step.gather(z, views), {.views = views, .lambda = options.lambda}, slow);
}

}  // namespace fovea::models
