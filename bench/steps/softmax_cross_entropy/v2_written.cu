// Step 2: a block for each row, so that reads are whole sectors; and, as frameworks compose it, a softmax that is
// written, a loss that looks one of its numbers up, a backward that reads it again.
//
// Memory: x three times (maximum, sum, softmax), the probabilities written and read, dx written.
#include <fovea/kernels/base/cuda_utils.cuh>

#include "softmax_cross_entropy/steps.h"

namespace fovea::steps {

constexpr int kThreads = 256;

static __global__ void softmax(int cols, const float* x, float* probabilities) {
  __shared__ float tops[kernels::kWarp], sums[kernels::kWarp];
  x += int64_t(blockIdx.x) * cols, probabilities += int64_t(blockIdx.x) * cols;
  float top = -INFINITY, sum = 0;
  for (int c = int(threadIdx.x); c < cols; c += kThreads) top = fmaxf(top, x[c]);
  top = kernels::block_reduce<kThreads>(top, tops, kernels::MaxOf{});
  for (int c = int(threadIdx.x); c < cols; c += kThreads) sum += expf(x[c] - top);
  sum = kernels::block_reduce<kThreads>(sum, sums);
  for (int c = int(threadIdx.x); c < cols; c += kThreads) probabilities[c] = expf(x[c] - top) / sum;
}
static __global__ void look_up(int rows, int cols, const float* probabilities, const int64_t* labels, float* loss) {
  int r = int(blockIdx.x * blockDim.x + threadIdx.x);
  if (r < rows) loss[r] = -logf(probabilities[int64_t(r) * cols + labels[r]]);
}
static __global__ void subtract(int cols, const float* probabilities, const int64_t* labels, float* dx) {
  int64_t label = labels[blockIdx.x], first = int64_t(blockIdx.x) * cols;
  for (int c = int(threadIdx.x); c < cols; c += kThreads)
    dx[first + c] = probabilities[first + c] - (c == label ? 1.0f : 0.0f);
}

void xent_written(Cuda& ctx, int rows, int cols, const float* x, const int64_t* labels, float* loss,
                  float* probabilities, float* dx) {
  kernels::launch(ctx, softmax, unsigned(rows), kThreads, 0, cols, x, probabilities);
  kernels::launch(ctx, look_up, unsigned(kernels::ceil_div(rows, kThreads)), kThreads, 0, rows, cols, probabilities,
                  labels, loss);
  kernels::launch(ctx, subtract, unsigned(rows), kThreads, 0, cols, probabilities, labels, dx);
}

}  // namespace fovea::steps
