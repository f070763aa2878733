// Step 1: one thread for each element of C.
//
// Neighbouring threads take neighbouring rows. A warp then reads 32 rows of A a whole row apart, 32 sectors of which it
// uses 4 bytes each, and writes C the same way.
#include <fovea/kernels/base/cuda_utils.cuh>

#include "steps.h"

namespace fovea::steps {

static __global__ void naive(int m, int n, int k, const float* a, const float* b, float* c) {
  int row = int(blockIdx.x * blockDim.x + threadIdx.x), col = int(blockIdx.y * blockDim.y + threadIdx.y);
  if (row >= m || col >= n) return;
  float sum = 0;
  for (int x = 0; x < k; ++x) sum += a[row * k + x] * b[x * n + col];
  c[row * n + col] = sum;
}

void gemm_naive(Cuda& ctx, int m, int n, int k, const float* a, const float* b, float* c) {
  dim3 grid(unsigned(kernels::ceil_div(m, 32)), unsigned(kernels::ceil_div(n, 8)));
  kernels::launch(ctx, naive, grid, dim3(32, 8), 0, m, n, k, a, b, c);
}

}  // namespace fovea::steps
