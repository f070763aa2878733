// Step 4: a thread makes 4 x 4 similarities: eight reads of shared memory for sixteen products, and each row of the
// block keeps one running sum for four similarities at a time.
//
// Dimensions lie outermost in shared memory, so that a thread reads its four rows at once. The library's kernel takes
// tensor cores for the products, copies the next tile meanwhile, and turns the tile into weights for backward before it
// leaves the registers.
#include "nt_xent/log_sum.cuh"
#include "nt_xent/steps.h"

namespace fovea::steps {

constexpr int kTile = 64, kDepth = 32, kMine = 4, kAcross = kTile / kMine, kPad = 4;

static __global__ void registers(int n, int dim, const float* u, float scale, float* lse) {
  __shared__ __align__(16) float mine[kDepth][kTile + kPad], others[kDepth][kTile + kPad];
  int first = int(blockIdx.x) * kTile, x = int(threadIdx.x), y = int(threadIdx.y), thread = y * kAcross + x;
  LogSum rows[kMine];
  for (int j = 0; j < n; j += kTile) {
    float dot[kMine][kMine] = {};
    for (int d = 0; d < dim; d += kDepth) {
      __syncthreads();
      for (int i = thread; i < kTile * kDepth; i += kAcross * kAcross) {
        mine[i % kDepth][i / kDepth] = u[int64_t(first + i / kDepth) * dim + d + i % kDepth];
        others[i % kDepth][i / kDepth] = u[int64_t(j + i / kDepth) * dim + d + i % kDepth];
      }
      __syncthreads();
#pragma unroll 8
      for (int k = 0; k < kDepth; ++k) {
        auto a = kernels::load_pack<kMine>(&mine[k][y * kMine]), b = kernels::load_pack<kMine>(&others[k][x * kMine]);
#pragma unroll
        for (int r = 0; r < kMine; ++r)
#pragma unroll
          for (int c = 0; c < kMine; ++c) dot[r][c] += a[r] * b[c];
      }
    }
#pragma unroll
    for (int r = 0; r < kMine; ++r)
#pragma unroll
      for (int c = 0; c < kMine; ++c)
        if (j + x * kMine + c != first + y * kMine + r) rows[r].add(dot[r][c] * scale);
  }
#pragma unroll
  for (int r = 0; r < kMine; ++r) {
    float total = rows[r].total<kAcross>();
    if (x == 0) lse[first + y * kMine + r] = total;
  }
}

void nt_xent_registers(Cuda& ctx, int n, int dim, const float* u, float temperature, float* lse) {
  kernels::launch(ctx, registers, unsigned(n / kTile), dim3(kAcross, kAcross), 0, n, dim, u, 1 / temperature, lse);
}

}  // namespace fovea::steps
