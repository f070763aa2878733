#include <fovea/models/methods/contrastive/dense_cl.h>

#include <cmath>

#include <fovea/losses/contrastive/dense_info_nce.h>
#include <fovea/losses/contrastive/info_nce.h>
#include <fovea/models/parts/heads.h>

namespace fovea::models {

DenseEncoder::DenseEncoder(Backbone network, int64_t hidden, int64_t out, bool batch_norm, Generator& generator)
    : backbone(std::move(network)) {
  const int64_t features = backbone.features(), wide = hidden > 0 ? hidden : features;
  projector = contrast_head(features, wide, out, batch_norm, generator);
  dense_projector = contrast_head(features, wide, out, batch_norm, generator);
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
      query(std::move(network), o.hidden, o.out, o.batch_norm, generator),
      key(query),
      queue(o.negatives, o.out, generator),
      dense_queue(o.negatives, o.out, generator) {}

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
