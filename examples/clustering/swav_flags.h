#pragma once

#include <vector>

#include <fovea/models/methods/clustering/swav.h>

#include "common/options.h"

namespace fovea::examples {

// The flags of SwAV, with queues and without.
inline std::vector<Flag> swav_flags(models::SwavOptions& options) {
  return {
      {"--temperature", "temperature t of the predictions p = softmax(scores / t)", &options.temperature, 1e-3, 100},
      {"--epsilon",
       "epsilon of the codes q, Sinkhorn-Knopp of exp(scores / epsilon): the smaller, the closer to one-hot",
       &options.epsilon, 1e-3, 100},
      {"--prototypes", "number of prototypes K", &options.prototypes, 2, 1 << 20},
      {"--frozen-prototypes", "number of epochs at the start in which the prototypes get no gradient",
       &options.frozen_epochs, 0, 1e6}};
}

}  // namespace fovea::examples
