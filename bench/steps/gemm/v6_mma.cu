// Step 6: tensor cores. bf16 operands, sums in f32.
//
// A warp multiplies 16 x 16 by 16 x 8 in one instruction, 2048 multiply-adds, and keeps 64 x 32 of C. ldmatrix brings
// the fragments (their layout is drawn in kernels/base/mma.cuh) from tiles whose 16-byte chunks are permuted by row, B
// turned on the way. Two buffers.
//
// kernels/matmul/matmul_mma.cu goes on from here: four buffers, larger warp tiles, whole rows on the way out, edges,
// transposed operands and splits of k. kernels/matmul/matmul_hopper.cu leaves copies and fragments to the hardware.
#include <fovea/kernels/base/cuda_utils.cuh>
#include <fovea/kernels/base/mma.cuh>

#include "steps.h"

namespace fovea::steps {

using namespace kernels;

constexpr int kTile = 128, kDepth = 32, kThreads = 256;
constexpr int kChunksA = kDepth / 8, kChunksB = kTile / 8, kChunks = kTile * kChunksA + kDepth * kChunksB;

static __device__ void load(uint4* buffer, int n, int k, const bf16* a, const bf16* b) {
#pragma unroll
  for (int i = int(threadIdx.x); i < kTile * kChunksA; i += kThreads) {
    int row = i / kChunksA, chunk = i % kChunksA;
    copy_async<16>(buffer + swizzled<kChunksA>(row, chunk), a + row * k + chunk * 8);
  }
  buffer += kTile * kChunksA;
#pragma unroll
  for (int i = int(threadIdx.x); i < kDepth * kChunksB; i += kThreads) {
    int row = i / kChunksB, chunk = i % kChunksB;
    copy_async<16>(buffer + swizzled<kChunksB>(row, chunk), b + row * n + chunk * 8);
  }
  copy_async_commit();
}

static __global__ void __launch_bounds__(kThreads, 2) mma(int n, int k, const bf16* a, const bf16* b, float* c) {
  __shared__ uint4 buffers[2][kChunks];
  const int lane = int(threadIdx.x) % 32, warp = int(threadIdx.x) / 32;
  const int y = warp / 4 * 64, x = warp % 4 * 32, row = int(blockIdx.y) * kTile, col = int(blockIdx.x) * kTile;
  const RowChunk at = rows_first(lane);  // A as it is and B turned are pointed at alike
  a += row * k, b += col;
  load(buffers[0], n, k, a, b);
  float sum[4][4][4] = {};
  for (int begin = 0, buffer = 0; begin < k; begin += kDepth, buffer ^= 1) {
    copy_async_wait<0>();
    __syncthreads();
    if (begin + kDepth < k) load(buffers[buffer ^ 1], n, k, a + begin + kDepth, b + (begin + kDepth) * n);
    const uint4 *tile_a = buffers[buffer], *tile_b = tile_a + kTile * kChunksA;
#pragma unroll
    for (int step = 0; step < kDepth / 16; ++step) {
      uint32_t left[4][4], right[2][4];
#pragma unroll
      for (int i = 0; i < 4; ++i)
        ldmatrix<4>(left[i], tile_a + swizzled<kChunksA>(y + i * 16 + at.row, step * 2 + at.chunk));
#pragma unroll
      for (int j = 0; j < 2; ++j)
        ldmatrix<4, true>(right[j], tile_b + swizzled<kChunksB>(step * 16 + at.row, x / 8 + j * 2 + at.chunk));
#pragma unroll
      for (int i = 0; i < 4; ++i)
#pragma unroll
        for (int j = 0; j < 4; ++j) mma_bf16(sum[i][j], left[i], &right[j / 2][j % 2 * 2]);
    }
  }
#pragma unroll
  for (int i = 0; i < 4; ++i)
#pragma unroll
    for (int j = 0; j < 4; ++j)
#pragma unroll
      for (int half = 0; half < 2; ++half)
        store_pack(c + (row + y + i * 16 + half * 8 + lane / 4) * n + col + x + j * 8 + lane % 4 * 2,
                   Pack<float, 2>{{sum[i][j][half * 2], sum[i][j][half * 2 + 1]}});
}

void gemm_mma(Cuda& ctx, int m, int n, int k, const bf16* a, const bf16* b, float* c) {
  launch(ctx, mma, dim3(unsigned(n / kTile), unsigned(m / kTile)), kThreads, 0, n, k, a, b, c);
}

}  // namespace fovea::steps
