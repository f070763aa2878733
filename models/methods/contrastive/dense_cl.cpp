#include <fovea/models/methods/contrastive/dense_cl.h>

#include <cmath>

#include <fovea/losses/contrastive/dense_info_nce.h>
#include <fovea/losses/contrastive/info_nce.h>
#include <fovea/models/parts/heads.h>

namespace fovea::models {

DenseEncoder::DenseEncoder(Backbone network, const DenseEncoderOptions& o, Generator& generator)
    : backbone(std::move(network)) {
  const int64_t features = backbone.features();
  const ContrastHeadOptions head{
      .in = features, .hidden = o.hidden > 0 ? o.hidden : features, .out = o.out, .batch_norm = o.batch_norm};
  projector = contrast_head(head, generator);
  dense_projector = contrast_head(head, generator);
}

DenseFeatures DenseEncoder::heads(const Tensor& map) {
  const int64_t n = map.size(0), h = map.size(1), w = map.size(2);
  Tensor dense = dense_projector(reshape(map, {n * h * w, -1}));
  return {map, projector(global_avg_pool(map)), reshape(dense, {n, h, w, -1})};
}

void DenseEncoder::visit(nn::Visitor& v) {
  v("backbone", backbone);
  v("projector", projector);
  v("dense_projector", dense_projector);
}

DenseCl::DenseCl(Backbone network, const DenseClOptions& o, Generator& generator)
    : options(o),
      query(std::move(network), {.hidden = o.hidden, .out = o.out, .batch_norm = o.batch_norm}, generator),
      key(query),
      queue({.size = o.negatives, .dim = o.out}, generator),
      dense_queue({.size = o.negatives, .dim = o.out}, generator) {}

std::vector<Follows> DenseCl::teachers() {
  return {{&key, "query.", [this](const Position&) { return options.momentum; }}};
}

Tensor DenseCl::loss(const data::Batch& batch, Step& step) {
  const DenseFeatures q = query.heads(step.feature_map(query.backbone, batch.view(0)));
  const DenseFeatures k = key(batch.view(1));            // no gradient is kept
  Tensor matches = losses::dense_matches(q.map, k.map);  // [N, places]
  step.watch(q.global, k.global);
  step.chance(std::log(1.0 + double(options.negatives)));
  const float t = options.temperature, lambda = options.dense_weight;
  Tensor loss = (1 - lambda) * losses::info_nce(q.global, k.global, queue.rows(), t) +
                lambda * losses::dense_info_nce(q.dense, k.dense, matches, dense_queue.rows(), t);
  queue.push(step.gather(normalize(k.global)));
  dense_queue.push(step.gather(normalize(global_avg_pool(k.dense))));
  return loss;
}

void DenseCl::visit(nn::Visitor& v) {
  v("query", query);
  v("key", key);
  v("queue", queue);
  v("dense_queue", dense_queue);
}

}  // namespace fovea::models
