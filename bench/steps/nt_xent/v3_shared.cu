// Step 3: tiles. A block has 32 rows; the others come 32 at a time into shared memory, 32 dimensions at a time, and
// serve all of the block's rows: each number that is read from memory is used 32 times.
//
// Each product still takes two reads of shared memory.
#include "nt_xent/log_sum.cuh"
#include "nt_xent/steps.h"

namespace fovea::steps {

constexpr int kTile = 32;

static __global__ void shared(int n, int dim, const float* u, float scale, float* lse) {
  __shared__ float mine[kTile][kTile + 1], others[kTile][kTile + 1];
  int first = int(blockIdx.x) * kTile, x = int(threadIdx.x), y = int(threadIdx.y);
  LogSum row;
  for (int j = 0; j < n; j += kTile) {
    float dot = 0;
    for (int d = 0; d < dim; d += kTile) {
      __syncthreads();
      mine[y][x] = u[int64_t(first + y) * dim + d + x];
      others[y][x] = u[int64_t(j + y) * dim + d + x];
      __syncthreads();
#pragma unroll
      for (int k = 0; k < kTile; ++k) dot += mine[y][k] * others[x][k];
    }
    if (j + x != first + y) row.add(dot * scale);
  }
  float total = row.total<kTile>();
  if (x == 0) lse[first + y] = total;
}

void nt_xent_shared(Cuda& ctx, int n, int dim, const float* u, float temperature, float* lse) {
  kernels::launch(ctx, shared, unsigned(n / kTile), dim3(kTile, kTile), 0, n, dim, u, 1 / temperature, lse);
}

}  // namespace fovea::steps
