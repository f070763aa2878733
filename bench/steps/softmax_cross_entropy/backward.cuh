#pragma once

#include <cstdint>

namespace fovea::steps {

// dx = exp(x - lse) - one_hot(label), a block a row: the backward of steps 3 and 4.
static __global__ void xent_backward_from_lse(int cols, const float* x, const int64_t* labels, const float* lse,
                                              float* dx) {
  int64_t first = int64_t(blockIdx.x) * cols, label = labels[blockIdx.x];
  float log_sum = lse[blockIdx.x];
  for (int c = int(threadIdx.x); c < cols; c += int(blockDim.x))
    dx[first + c] = expf(x[first + c] - log_sum) - (c == label ? 1.0f : 0.0f);
}

}  // namespace fovea::steps
