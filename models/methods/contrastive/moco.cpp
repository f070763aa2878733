#include <fovea/models/methods/contrastive/moco.h>

namespace fovea::models {

static Encoder encoder(Backbone network, const Moco::Options& options, Generator& generator) {
  nn::Sequential head = contrast_head(network.features(), options.hidden, options.out, options.batch_norm, generator);
  return Encoder(std::move(network), std::move(head));
}

Moco::Moco(Backbone network, const Options& options, Generator& generator)
    : query(encoder(std::move(network), options, generator)),
      key(query),
      queue(options.negatives, options.out, generator) {}

static Encoder encoder_v3(Backbone network, int64_t hidden, int64_t out, Generator& generator) {
  nn::Sequential head = mlp_head({network.features(), hidden, out}, LastNorm::batch_norm_without_affine, generator);
  return Encoder(std::move(network), std::move(head));
}

MocoV3::MocoV3(Backbone network, int64_t hidden, int64_t out, Generator& generator)
    : query(encoder_v3(std::move(network), hidden, out, generator)),
      predictor(mlp_head({out, hidden, out}, LastNorm::none, generator)),
      key(query) {}

}  // namespace fovea::models
