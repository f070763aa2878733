#pragma once

#include <fovea/kernels/base/cuda_utils.cuh>

namespace fovea::steps {

// The log of a sum of exponentials, one after the other: sum exp(v - top).
struct LogSum {
  float top = -1e30f, sum = 0;
  __device__ void add(float v) {
    if (v > top) sum *= expf(top - v), top = v;
    sum += expf(v - top);
  }
  __device__ void join(const LogSum& other) {
    float most = fmaxf(top, other.top);
    sum = sum * expf(top - most) + other.sum * expf(other.top - most), top = most;
  }
  // Over kLanes neighbouring lanes, in all of them.
  template <int kLanes>
  __device__ float total() {
    for (int offset = kLanes / 2; offset > 0; offset /= 2)
      join({__shfl_xor_sync(kernels::kAllLanes, top, offset), __shfl_xor_sync(kernels::kAllLanes, sum, offset)});
    return top + logf(sum);
  }
};

}  // namespace fovea::steps
