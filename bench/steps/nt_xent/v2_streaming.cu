// Step 2: no matrix. A warp has one row and meets the others one by one; the sum is kept up to date (LogSum).
//
// Memory: 4 n bytes of results. But every similarity reads a whole row: n^2 dim numbers come through the caches, and a
// warp spends five shuffles on each of them.
#include "nt_xent/log_sum.cuh"
#include "nt_xent/steps.h"

namespace fovea::steps {

static __global__ void streaming(int n, int dim, const float* u, float scale, float* lse) {
  int i = int(blockIdx.x * blockDim.x + threadIdx.x) / kernels::kWarp, lane = int(threadIdx.x) % kernels::kWarp;
  if (i >= n) return;
  LogSum row;
  for (int j = 0; j < n; ++j) {
    float dot = 0;
    for (int d = lane; d < dim; d += kernels::kWarp) dot += u[int64_t(i) * dim + d] * u[int64_t(j) * dim + d];
    dot = kernels::warp_reduce(dot);
    if (j != i) row.add(dot * scale);
  }
  if (lane == 0) lse[i] = row.top + logf(row.sum);
}

void nt_xent_streaming(Cuda& ctx, int n, int dim, const float* u, float temperature, float* lse) {
  kernels::launch(ctx, streaming, unsigned(kernels::ceil_div(n, 4)), 128, 0, n, dim, u, 1 / temperature, lse);
}

}  // namespace fovea::steps
