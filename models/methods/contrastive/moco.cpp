#include <fovea/models/methods/contrastive/moco.h>

#include <cmath>

#include <fovea/losses/contrastive/info_nce.h>

namespace fovea::models {

static Encoder encoder(Backbone network, const MocoOptions& o, Generator& generator) {
  nn::Sequential head = contrast_head(
      {.in = network.features(), .hidden = o.hidden, .out = o.out, .batch_norm = o.batch_norm}, generator);
  return Encoder(std::move(network), std::move(head));
}

Moco::Moco(Backbone network, const MocoOptions& o, Generator& generator)
    : options(o),
      query(encoder(std::move(network), o, generator)),
      key(query),
      queue({.size = o.negatives, .dim = o.out}, generator) {}

std::vector<Follows> Moco::teachers() {
  return {{&key, "query.", [this](const Position&) { return options.momentum; }}};
}

Tensor Moco::loss(const data::Batch& batch, Step& step) {
  const bool both = options.symmetric;
  Tensor q = query.projector(step.features(query.backbone, both ? batch.group(0) : batch.view(0)));
  Tensor k = normalize(key(both ? batch.group(0) : batch.view(1)));  // no gradient is kept
  Tensor positive = k;
  if (both) {
    const auto [k1, k2] = two_views(k);
    positive = concat({k2, k1});
  }
  step.watch(q.slice(0, batch.size()), positive.slice(0, batch.size()));
  step.chance(std::log(1.0 + double(options.negatives)));
  Tensor loss = losses::info_nce(q, positive, queue.rows(), options.temperature);
  queue.push(step.gather(k, both ? 2 : 1));
  return loss;
}

}  // namespace fovea::models
