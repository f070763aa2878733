#include <fovea/models/methods/contrastive/dense_cl.h>

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

DenseCl::DenseCl(Backbone network, const Options& options, Generator& generator)
    : query(std::move(network), options.hidden, options.out, options.batch_norm, generator),
      key(query),
      queue(options.negatives, options.out, generator),
      dense_queue(options.negatives, options.out, generator) {}

void DenseCl::remember(const DenseFeatures& keys) {
  NoGrad no_grad;
  queue.push(normalize(keys.global));
  dense_queue.push(normalize(global_avg_pool(keys.dense)));
}

void DenseCl::visit(nn::Visitor& v) {
  v("query", query);
  v("key", key);
  v("queue", queue);
  v("dense_queue", dense_queue);
}

}  // namespace fovea::models
