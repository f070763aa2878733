// Step 5: 16 bytes at once, everywhere, from banks that do not collide; the next tiles come while these are used.
//
// A thread reads its rows and columns as two groups of four that lie 64 apart: a quarter of a warp reads 128 bytes in a
// row. B goes straight to shared memory by asynchronous copies. A, which must be turned, waits in registers while the
// multiplication runs, and is then written in an order that spreads the banks. Two buffers, one barrier a tile.
//
// kernels/matmul/matmul_simt.cu goes on from here: A is not turned but read four k at once, three tiles are under way,
// and edges, transposed operands and results of any alignment are taken care of.
#include <fovea/kernels/base/cuda_utils.cuh>
#include <fovea/kernels/base/mma.cuh>

#include "steps.h"

namespace fovea::steps {

using kernels::load_pack;
using kernels::Pack;
using kernels::store_pack;

constexpr int kTile = 128, kDepth = 8, kOwn = 8, kThreads = 256;

// Columns of a row of k in the tile of A change places by four for every four k: threads that hold k and k + 4 of one
// row write to different banks.
static __device__ int place(int z, int row) {
  return row ^ z / 4 * 16;
}

static __global__ void __launch_bounds__(kThreads, 2)
    vectorised(int n, int k, const float* a, const float* b, float* c) {
  __shared__ __align__(16) float tile_a[2][kDepth][kTile], tile_b[2][kDepth][kTile];
  const int thread = int(threadIdx.x), lane = thread % 32, warp = thread / 32;
  const int y = warp / 2 * 16 + lane / 8 * 4, x = warp % 2 * 32 + lane % 8 * 4;  // of the first group of four
  const int row = int(blockIdx.y) * kTile, col = int(blockIdx.x) * kTile;
  const int from_row = thread / 2, from_k = thread % 2 * 4, to_k = thread / 32, to_col = thread % 32 * 4;
  const float* next_a = a + (row + from_row) * k + from_k;
  const float* next_b = b + to_k * n + col + to_col;

  Pack<float, 4> held = load_pack<4>(next_a);
  kernels::copy_async<16>(&tile_b[0][to_k][to_col], next_b);
  kernels::copy_async_commit();
  float sum[kOwn][kOwn] = {};
  for (int begin = 0, buffer = 0; begin < k; begin += kDepth, buffer ^= 1) {
#pragma unroll
    for (int i = 0; i < 4; ++i) tile_a[buffer][from_k + i][place(from_k, from_row)] = held[i];
    kernels::copy_async_wait<0>();
    __syncthreads();
    if (begin + kDepth < k) {
      next_a += kDepth, next_b += kDepth * n;
      held = load_pack<4>(next_a);
      kernels::copy_async<16>(&tile_b[buffer ^ 1][to_k][to_col], next_b);
      kernels::copy_async_commit();
    }
#pragma unroll
    for (int z = 0; z < kDepth; ++z) {
      Pack<float, 4> left[2], right[2];
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        left[half] = load_pack<4>(&tile_a[buffer][z][place(z, y + half * 64)]);
        right[half] = load_pack<4>(&tile_b[buffer][z][x + half * 64]);
      }
#pragma unroll
      for (int i = 0; i < kOwn; ++i)
#pragma unroll
        for (int j = 0; j < kOwn; ++j) sum[i][j] += left[i / 4][i % 4] * right[j / 4][j % 4];
    }
  }
#pragma unroll
  for (int i = 0; i < kOwn; ++i)
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      Pack<float, 4> four{{sum[i][half * 4], sum[i][half * 4 + 1], sum[i][half * 4 + 2], sum[i][half * 4 + 3]}};
      store_pack(c + (row + y + i / 4 * 64 + i % 4) * n + col + x + half * 64, four);
    }
}

void gemm_vectorised(Cuda& ctx, int m, int n, int k, const float* a, const float* b, float* c) {
  kernels::launch(ctx, vectorised, dim3(unsigned(n / kTile), unsigned(m / kTile)), kThreads, 0, n, k, a, b, c);
}

}  // namespace fovea::steps
