// Step 1: one thread for each row, in the order of the formula.
//
// Neighbouring threads read logits a whole row apart: every read of a warp takes 32 sectors for 32 numbers, and the row
// is read four times.
#include <fovea/kernels/base/cuda_utils.cuh>

#include "softmax_cross_entropy/steps.h"

namespace fovea::steps {

static __global__ void thread_a_row(int rows, int cols, const float* x, const int64_t* labels, float* loss, float* dx) {
  int r = int(blockIdx.x * blockDim.x + threadIdx.x);
  if (r >= rows) return;
  x += int64_t(r) * cols, dx += int64_t(r) * cols;
  float top = -INFINITY, sum = 0;
  for (int c = 0; c < cols; ++c) top = fmaxf(top, x[c]);
  for (int c = 0; c < cols; ++c) sum += expf(x[c] - top);
  loss[r] = top + logf(sum) - x[labels[r]];
  for (int c = 0; c < cols; ++c) dx[c] = expf(x[c] - top) / sum - (c == labels[r] ? 1.0f : 0.0f);
}

void xent_thread_a_row(Cuda& ctx, int rows, int cols, const float* x, const int64_t* labels, float* loss, float* dx) {
  kernels::launch(ctx, thread_a_row, unsigned(kernels::ceil_div(rows, 64)), 64, 0, rows, cols, x, labels, loss, dx);
}

}  // namespace fovea::steps
