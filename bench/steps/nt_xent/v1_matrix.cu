// Step 1: the matrix of similarities is written, and read for the sums.
//
// Memory: n^2 numbers, written and read. For 65,536 pairs that is 69 GB, and what a backward keeps as much again.
#include "nt_xent/log_sum.cuh"
#include "nt_xent/steps.h"

namespace fovea::steps {

static __global__ void products(int n, int dim, const float* u, float scale, float* similarities) {
  int j = int(blockIdx.x * blockDim.x + threadIdx.x), i = int(blockIdx.y);
  if (j >= n) return;
  float dot = 0;
  for (int d = 0; d < dim; ++d) dot += u[int64_t(i) * dim + d] * u[int64_t(j) * dim + d];
  similarities[int64_t(i) * n + j] = dot * scale;
}
static __global__ void sums(int n, const float* similarities, float* lse) {
  int i = int(blockIdx.x);
  LogSum row;
  for (int j = int(threadIdx.x); j < n; j += kernels::kWarp)
    if (j != i) row.add(similarities[int64_t(i) * n + j]);
  float total = row.total<kernels::kWarp>();
  if (threadIdx.x == 0) lse[i] = total;
}

void nt_xent_matrix(Cuda& ctx, int n, int dim, const float* u, float temperature, float* similarities, float* lse) {
  dim3 grid(unsigned(kernels::ceil_div(n, 128)), unsigned(n));
  kernels::launch(ctx, products, grid, 128, 0, n, dim, u, 1 / temperature, similarities);
  kernels::launch(ctx, sums, unsigned(n), kernels::kWarp, 0, n, similarities, lse);
}

}  // namespace fovea::steps
