// Step 4: a thread makes 8 x 8 elements of C, in registers.
//
// For each k it reads 8 values of A and 8 of B from shared memory and multiplies them with each other: 64 multiply-adds
// for 16 values instead of 1 for 2. A block of 256 threads makes 128 x 128. Reads are still single words, the tile of A
// is written across the banks, and everybody waits while the next tiles come.
#include <fovea/kernels/base/cuda_utils.cuh>

#include "steps.h"

namespace fovea::steps {

constexpr int kTile = 128, kDepth = 8, kOwn = 8, kThreads = 256;

static __global__ void __launch_bounds__(kThreads) registers(int n, int k, const float* a, const float* b, float* c) {
  __shared__ float tile_a[kDepth][kTile], tile_b[kDepth][kTile];
  const int thread = int(threadIdx.x), y = thread / 16, x = thread % 16;
  const int row = int(blockIdx.y) * kTile, col = int(blockIdx.x) * kTile;
  float sum[kOwn][kOwn] = {};
  for (int begin = 0; begin < k; begin += kDepth) {
    for (int i = thread; i < kTile * kDepth; i += kThreads) {
      tile_a[i % kDepth][i / kDepth] = a[(row + i / kDepth) * k + begin + i % kDepth];
      tile_b[i / kTile][i % kTile] = b[(begin + i / kTile) * n + col + i % kTile];
    }
    __syncthreads();
#pragma unroll
    for (int z = 0; z < kDepth; ++z) {
      float left[kOwn], right[kOwn];
#pragma unroll
      for (int i = 0; i < kOwn; ++i) left[i] = tile_a[z][y * kOwn + i], right[i] = tile_b[z][x * kOwn + i];
#pragma unroll
      for (int i = 0; i < kOwn; ++i)
#pragma unroll
        for (int j = 0; j < kOwn; ++j) sum[i][j] += left[i] * right[j];
    }
    __syncthreads();
  }
#pragma unroll
  for (int i = 0; i < kOwn; ++i)
#pragma unroll
    for (int j = 0; j < kOwn; ++j) c[(row + y * kOwn + i) * n + col + x * kOwn + j] = sum[i][j];
}

void gemm_registers(Cuda& ctx, int m, int n, int k, const float* a, const float* b, float* c) {
  kernels::launch(ctx, registers, dim3(unsigned(n / kTile), unsigned(m / kTile)), kThreads, 0, n, k, a, b, c);
}

}  // namespace fovea::steps
