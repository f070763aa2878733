// Step 2: neighbouring threads take neighbouring columns.
//
// The same work, but a warp reads 32 neighbours of B, four full sectors, one element of A for all, and writes 32
// neighbours of C. Every element is still read from memory m or n times.
#include <fovea/kernels/base/cuda_utils.cuh>

#include "steps.h"

namespace fovea::steps {

static __global__ void coalesced(int m, int n, int k, const float* a, const float* b, float* c) {
  int row = int(blockIdx.y * blockDim.y + threadIdx.y), col = int(blockIdx.x * blockDim.x + threadIdx.x);
  if (row >= m || col >= n) return;
  float sum = 0;
  for (int x = 0; x < k; ++x) sum += a[row * k + x] * b[x * n + col];
  c[row * n + col] = sum;
}

void gemm_coalesced(Cuda& ctx, int m, int n, int k, const float* a, const float* b, float* c) {
  dim3 grid(unsigned(kernels::ceil_div(n, 32)), unsigned(kernels::ceil_div(m, 8)));
  kernels::launch(ctx, coalesced, grid, dim3(32, 8), 0, m, n, k, a, b, c);
}

}  // namespace fovea::steps
