#include <fovea/models/methods/clustering/swav.h>

#include <fovea/models/parts/heads.h>

namespace fovea::models {

static int64_t hidden_units(const Backbone& network, const SwavOptions& options) {
  return options.hidden > 0 ? options.hidden : 4 * network.features();
}

Swav::Swav(Backbone network, const SwavOptions& options, Generator& generator)
    : Encoder(mlp_encoder(network, {hidden_units(network, options), options.out}, LastNorm::none, generator)),
      prototypes(options.out, options.prototypes, generator) {}

}  // namespace fovea::models
