#pragma once

#include <fovea/data/dataset.h>

namespace fovea::data {

struct SyntheticOptions {
  uint64_t seed = 0;
  int image_size = 32;
};

// Drawn pictures, one coloured shape each (disc, square, triangle, cross, ring, star, ...): the class is the shape;
// colour, place, size, angle, background and noise are random. Image i depends on seed and i alone. Needs no files.
DatasetPtr synthetic(int64_t size, const SyntheticOptions& options = {});

}  // namespace fovea::data
