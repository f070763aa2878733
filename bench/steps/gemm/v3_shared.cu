// Step 3: a block's rows of A and columns of B go through shared memory.
//
// A block of 32 x 32 threads makes a 32 x 32 tile of C. It reads a tile of A and one of B once, and each value serves
// 32 threads: global memory is read k / 32 times less. But every multiply-add now reads two values from shared memory,
// which gives a multiprocessor 32 of them a clock where it could multiply 128.
#include <fovea/kernels/base/cuda_utils.cuh>

#include "steps.h"

namespace fovea::steps {

constexpr int kTile = 32;

static __global__ void shared_tile(int n, int k, const float* a, const float* b, float* c) {
  __shared__ float tile_a[kTile][kTile], tile_b[kTile][kTile];
  const int y = int(threadIdx.y), x = int(threadIdx.x);
  const int row = int(blockIdx.y) * kTile + y, col = int(blockIdx.x) * kTile + x;
  float sum = 0;
  for (int begin = 0; begin < k; begin += kTile) {
    tile_a[y][x] = a[row * k + begin + x];
    tile_b[y][x] = b[(begin + y) * n + col];
    __syncthreads();
#pragma unroll
    for (int z = 0; z < kTile; ++z) sum += tile_a[y][z] * tile_b[z][x];
    __syncthreads();
  }
  c[row * n + col] = sum;
}

void gemm_shared(Cuda& ctx, int m, int n, int k, const float* a, const float* b, float* c) {
  kernels::launch(ctx, shared_tile, dim3(unsigned(n / kTile), unsigned(m / kTile)), dim3(kTile, kTile), 0, n, k, a, b,
                  c);
}

}  // namespace fovea::steps
