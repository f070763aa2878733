#pragma once

#include <cstdint>

#include <fovea/models/eval/features.h>

namespace fovea::models {

struct ProbeOptions {
  int epochs = 90;
  int64_t batch_size = 256;
  float lr = 0.1f;  // for 256 rows a step; scaled with the batch
  float momentum = 0.9f;
  uint64_t seed = 0;
};

struct ProbeResult {
  double last = 0, best = 0;  // test accuracy after the last epoch, and the highest after any
  int best_epoch = 0;         // from 1
};

// Linear classification on frozen features, SimCLR's protocol: SGD without weight decay, the learning rate falling
// along a cosine to a thousandth step by step. A probe on cached features: they are extracted once, from unaugmented
// images, where the paper's protocol augments the training images anew each epoch. It costs seconds and reads a little
// lower. It runs on the device of `train`. Labels must lie in [0, classes). Throws Error for sets that are empty or do
// not match.
ProbeResult linear_probe(const Features& train, const Features& test, int64_t classes,
                         const ProbeOptions& options = {});

}  // namespace fovea::models
