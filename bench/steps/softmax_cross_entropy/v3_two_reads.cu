// Step 3: the probabilities are not written. Forward keeps one number a row, the log-sum-exp; backward makes the
// probabilities again as exp(x - lse).
//
// Memory: x twice forward, once backward, and dx.
#include <fovea/kernels/base/cuda_utils.cuh>

#include "softmax_cross_entropy/backward.cuh"
#include "softmax_cross_entropy/steps.h"

namespace fovea::steps {

constexpr int kThreads = 256;

static __global__ void two_reads(int cols, const float* x, const int64_t* labels, float* loss, float* lse) {
  __shared__ float tops[kernels::kWarp], sums[kernels::kWarp];
  x += int64_t(blockIdx.x) * cols;
  float top = -INFINITY, sum = 0;
  for (int c = int(threadIdx.x); c < cols; c += kThreads) top = fmaxf(top, x[c]);
  top = kernels::block_reduce<kThreads>(top, tops, kernels::MaxOf{});
  for (int c = int(threadIdx.x); c < cols; c += kThreads) sum += expf(x[c] - top);
  sum = kernels::block_reduce<kThreads>(sum, sums);
  if (threadIdx.x != 0) return;
  lse[blockIdx.x] = top + logf(sum);
  loss[blockIdx.x] = lse[blockIdx.x] - x[labels[blockIdx.x]];
}

void xent_two_reads(Cuda& ctx, int rows, int cols, const float* x, const int64_t* labels, float* loss, float* lse,
                    float* dx) {
  kernels::launch(ctx, two_reads, unsigned(rows), kThreads, 0, cols, x, labels, loss, lse);
  kernels::launch(ctx, xent_backward_from_lse, unsigned(rows), kThreads, 0, cols, x, labels, lse, dx);
}

}  // namespace fovea::steps
