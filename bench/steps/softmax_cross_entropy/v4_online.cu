// Step 4: forward reads once. A thread keeps the maximum m of what it has seen and s = sum exp(x - m); a larger x
// multiplies s by exp(m - x) first. Two such pairs join the same way, so that a block ends as a thread does.
//
// Memory: x once forward, once backward, and dx: the minimum. What is left to the library's kernel: 16 bytes at a time,
// several reads under way, rows too short for a block, rows that start anywhere.
#include <fovea/kernels/base/cuda_utils.cuh>

#include "softmax_cross_entropy/backward.cuh"
#include "softmax_cross_entropy/steps.h"

namespace fovea::steps {

constexpr int kThreads = 256;

static __global__ void online(int cols, const float* x, const int64_t* labels, float* loss, float* lse) {
  __shared__ float tops[kernels::kWarp], sums[kernels::kWarp];
  x += int64_t(blockIdx.x) * cols;
  float mine = -1e30f, sum = 0;
  for (int c = int(threadIdx.x); c < cols; c += kThreads) {
    float v = x[c];
    if (v > mine) sum *= expf(mine - v), mine = v;
    sum += expf(v - mine);
  }
  float top = kernels::block_reduce<kThreads>(mine, tops, kernels::MaxOf{});
  sum = kernels::block_reduce<kThreads>(sum * expf(mine - top), sums);
  if (threadIdx.x != 0) return;
  lse[blockIdx.x] = top + logf(sum);
  loss[blockIdx.x] = lse[blockIdx.x] - x[labels[blockIdx.x]];
}

void xent_online(Cuda& ctx, int rows, int cols, const float* x, const int64_t* labels, float* loss, float* lse,
                 float* dx) {
  kernels::launch(ctx, online, unsigned(rows), kThreads, 0, cols, x, labels, loss, lse);
  kernels::launch(ctx, xent_backward_from_lse, unsigned(rows), kThreads, 0, cols, x, labels, lse, dx);
}

}  // namespace fovea::steps
