// Matrix products on the tensor cores of sm_80 and later (mma.sync): bf16 operands, or f32 rounded to tf32; f32 sums.
//
// A block makes a tile of C, its warps a sub-tile each, in registers. The tiles of A and B come through a ring of
// buffers in shared memory, filled by 16-byte asynchronous copies several pieces of k ahead; one barrier for each
// piece says that it has arrived and that the oldest buffer may be filled again. Fragments come by ldmatrix from rows
// whose 16-byte chunks are permuted, so neither copies nor ldmatrix meet bank conflicts. Transposed operands are kept
// as they lie in memory and turned by ldmatrix.trans; for tf32, which has no such instruction, by reading words.
//
//   large  128 x 128 tile, 4 warps of 64 x 64, k in pieces of 64 bytes, 4 buffers: 64 KiB, 2 blocks on a
//          multiprocessor. 128 FLOP for each byte of shared memory filled in bf16.
//   small  64 x 64 tile, 4 warps of 32 x 32, pieces of 128 bytes, 3 buffers: 48 KiB. For small m or n, where large
//          tiles would mostly be empty, and small products, where they would be few.
//
// Reads A n / kCols times and B m / kRows times through the second cache, writes C once.
#include <fovea/kernels/matmul/matmul.cuh>

namespace fovea::kernels::gemm {
namespace {

struct Large {
  static constexpr int kRows = kLargeTile, kCols = kLargeTile, kWarpRows = 64, kWarpCols = 64,
                       kDepthBytes = kLargeDepth, kStages = 4, kBlocks = 2;
};
struct Small {
  static constexpr int kRows = kSmallTile, kCols = kSmallTile, kWarpRows = 32, kWarpCols = 32,
                       kDepthBytes = kSmallDepth, kStages = 3, kBlocks = 3;
};

template <class T, class Shape>
struct Traits : Shape {
  static constexpr int kDepth = Shape::kDepthBytes / int(sizeof(T)), kWarpsAcross = Shape::kCols / Shape::kWarpCols,
                       kThreads = Shape::kRows / Shape::kWarpRows * kWarpsAcross * kWarp;
};

// Four 8 x 8 blocks of fragments (mma.cuh), in steps of two chunks of k. `width` is the first row of A or column of B.
template <class Tile, bool kRowsFirst, class T, bool kAlongK>
__device__ void load_fragment(uint32_t (&r)[4], const char* tile, int width, int step, int lane) {
  if constexpr (kAlongK) {
    RowChunk at = kRowsFirst ? rows_first(lane) : chunks_first(lane);
    ldmatrix<4>(r, Tile::chunk(tile, width + at.row, step * 2 + at.chunk));
  } else if constexpr (sizeof(T) == 2) {
    RowChunk at = kRowsFirst ? chunks_first(lane) : rows_first(lane);
    ldmatrix<4, true>(r, Tile::chunk(tile, step * 16 + at.row, width / 8 + at.chunk));
  } else {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      int far_width = kRowsFirst ? i % 2 : i / 2, far_k = kRowsFirst ? i / 2 : i % 2;
      r[i] = __float_as_uint(Tile::element(tile, step * 8 + far_k * 4 + lane % 4, width + far_width * 8 + lane / 4));
    }
  }
  if constexpr (sizeof(T) == 4) {
#pragma unroll
    for (int i = 0; i < 4; ++i) r[i] = to_tf32(r[i]);
  }
}

template <class T, class Shape, bool kTransposeA, bool kTransposeB>
__global__ void __launch_bounds__(Traits<T, Shape>::kThreads, Shape::kBlocks)
    mma_kernel(const __grid_constant__ Job<T> job) {
  using S = Traits<T, Shape>;
  using P = Pieces<T, kTransposeA, kTransposeB, true, S::kRows, S::kCols, S::kDepth, S::kThreads>;
  constexpr int kStages = S::kStages, kTall = S::kWarpRows / 16, kWide = S::kWarpCols / 8;
  extern __shared__ __align__(128) char shared[];
  const int lane = int(threadIdx.x) % kWarp, warp = int(threadIdx.x) / kWarp;
  const int warp_row = warp / S::kWarpsAcross * S::kWarpRows, warp_col = warp % S::kWarpsAcross * S::kWarpCols;
  const Share& share = block_share<S::kRows, S::kCols, S::kDepth>(job);
  float sum[kTall][kWide][4] = {};
  for_each_piece<P, kStages>(job, share, shared, [&](const char* tile_a, const char* tile_b) {
#pragma unroll
    for (int step = 0; step < S::kDepthBytes / 32; ++step) {
      uint32_t a[kTall][4], b[kWide / 2][4];
#pragma unroll
      for (int y = 0; y < kTall; ++y)
        load_fragment<typename P::TileA, true, T, !kTransposeA>(a[y], tile_a, warp_row + y * 16, step, lane);
#pragma unroll
      for (int x = 0; x < kWide / 2; ++x)
        load_fragment<typename P::TileB, false, T, kTransposeB>(b[x], tile_b, warp_col + x * 16, step, lane);
#pragma unroll
      for (int y = 0; y < kTall; ++y)
#pragma unroll
        for (int x = 0; x < kWide; ++x) {
          if constexpr (sizeof(T) == 2)
            mma_bf16(sum[y][x], a[y], &b[x / 2][x % 2 * 2]);
          else
            mma_tf32(sum[y][x], a[y], &b[x / 2][x % 2 * 2]);
        }
    }
  });

  using Out = Stage<S::kWarpRows, S::kWarpCols>;
  float* stage = reinterpret_cast<float*>(shared + warp * Out::kBytes);
#pragma unroll
  for (int y = 0; y < kTall; ++y)
#pragma unroll
    for (int x = 0; x < kWide; ++x)
#pragma unroll
      for (int half = 0; half < 2; ++half)
        store_pack(Out::at(stage, y * 16 + half * 8 + lane / 4, x * 8 + lane % 4 * 2),
                   Pack<float, 2>{{sum[y][x][half * 2], sum[y][x][half * 2 + 1]}});
  __syncwarp();
  store_stage<S::kWarpRows, S::kWarpCols>(job, share, share.row + warp_row, share.col + warp_col, stage);
}

template <class T, class Shape>
void start(Cuda& ctx, const Job<T>& job, const MatmulSizes& s) {
  with_flags(s, [&](auto a, auto b) {
    using S = Traits<T, Shape>;
    using P = Pieces<T, a, b, true, S::kRows, S::kCols, S::kDepth, S::kThreads>;
    constexpr size_t kShared = std::max(P::kBytes * S::kStages, S::kRows * S::kCols * 4);
    launch(ctx, mma_kernel<T, Shape, a, b>, blocks_of<S::kRows, S::kCols>(job), S::kThreads, kShared, job);
  });
}

}  // namespace

template <class T>
void mma_matmul(Cuda& ctx, const Job<T>& job, const MatmulSizes& s, Path path) {
  path == Path::large ? start<T, Large>(ctx, job, s) : start<T, Small>(ctx, job, s);
}
template void mma_matmul<float>(Cuda&, const Job<float>&, const MatmulSizes&, Path);
template void mma_matmul<bf16>(Cuda&, const Job<bf16>&, const MatmulSizes&, Path);

}  // namespace fovea::kernels::gemm
