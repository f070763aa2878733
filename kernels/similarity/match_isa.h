#pragma once

// Private to kernels/: the loops of matching.
#include <cstdint>

#include <fovea/kernels/bf16.h>
#include <fovea/kernels/host_device.h>
#include <fovea/kernels/isa.h>

namespace fovea::kernels {

// The nearest place of b [to, dim] to each of a [from, dim], and its squared distance.
template <Isa I, class T>
void nearest_places(const T* a, int64_t from, const T* b, int64_t to, int64_t dim, accumulator_t<T>* distance,
                    int64_t* place);

// Whether place i is among the `count` with the smallest distances.
template <class T>
FOVEA_HD inline bool is_among(const T* distance, int64_t places, int64_t i, int64_t count) {
  int64_t before = 0;
  for (int64_t j = 0; j < places; ++j) before += distance[j] < distance[i] || (distance[j] == distance[i] && j < i);
  return before < count;
}

FOVEA_HD inline void cell_centre(const float* affine, int64_t height, int64_t width, int64_t cell, float* centre) {
  const int64_t row = cell / width, col = cell % width;
  const float u = (float(col) + 0.5f) / float(width), v = (float(row) + 0.5f) / float(height);
  centre[0] = affine[0] * u + affine[1] * v + affine[2];
  centre[1] = affine[3] * u + affine[4] * v + affine[5];
}

}  // namespace fovea::kernels
