// Matrix products in f32 proper, without tensor cores: every product and sum is one fused multiply-add in f32, in the
// order of k.
//
// The same ring of buffers as matmul_mma.cu; behind it each thread keeps a tile of C in registers, 8 rows by 8 (small:
// 4) columns. For four k it reads 16 (12) 16-byte words of shared memory and does 256 (128) multiply-adds. The lanes of
// a warp are 4 down and 8 across: eight lanes read eight different chunks of B, which never share a bank, and the same
// chunk of A, which is read once. An operand whose k runs along its rows is read four k at once; one whose k runs
// across, four columns at once. Neither is transposed on the way.
//
//   large  128 x 128 tile, 8 warps of 32 x 64, k in pieces of 16, 4 buffers: 64 KiB, 2 blocks on a multiprocessor
//   small  64 x 64 tile, 4 warps of 32 x 32, pieces of 32, 3 buffers: 48 KiB
//
// Reads A n / kCols times and B m / kRows times through the second cache, writes C once.
#include <fovea/kernels/matmul/matmul.cuh>

namespace fovea::kernels::gemm {
namespace {

constexpr int kLanesDown = 4, kLanesAcross = 8;

struct Large {
  static constexpr int kTile = kLargeTile, kDepth = kLargeDepth / 4, kTall = 8, kWide = 8, kStages = 4, kBlocks = 2;
};
struct Small {
  static constexpr int kTile = kSmallTile, kDepth = kSmallDepth / 4, kTall = 8, kWide = 4, kStages = 3, kBlocks = 3;
};
template <class Shape>
struct Traits : Shape {
  static constexpr int kWarpRows = kLanesDown * Shape::kTall, kWarpCols = kLanesAcross * Shape::kWide,
                       kWarpsAcross = Shape::kTile / kWarpCols,
                       kThreads = Shape::kTile / kWarpRows * kWarpsAcross * kWarp;
};

// Which rows (columns) of a warp's tile belong to a lane at place `at` of `lanes`. When k runs along the rows the lanes
// share every eight rows, whose chunks lie in different banks and, for all rows of a lane, permuted alike; else each
// takes four neighbours.
template <bool kAlongK>
__device__ int place(int i, int at, int lanes) {
  int each = kAlongK ? 8 / lanes : 4;
  return i / each * each * lanes + at * each + i % each;
}
// Where row (column) i of a lane begins for k: kStep values of k when k runs along the rows, else four rows (columns).
// `width` is a multiple of 8, k of kStep; neither enters into the permutation with more than it has to.
template <class Tile, bool kAlongK, int kLanes>
__device__ const float* values_at(const char* tile, unsigned width, unsigned k, unsigned i, unsigned at) {
  const float* values = reinterpret_cast<const float*>(tile);
  if constexpr (kAlongK) {
    constexpr unsigned kEach = 8 / kLanes;
    unsigned inside = at * kEach + i % kEach;
    return values + (width + i / kEach * 8) * Tile::kCols + swizzled<Tile::kChunks>(inside, k / 4) * 4 + k % 4;
  } else {
    return values + k * Tile::kCols + width + place<false>(i, at, kLanes);
  }
}

// sum += A B over kStep neighbouring k from `k`. A's part is read whole, B's bit by bit.
template <class TileA, class TileB, bool kTransposeA, bool kTransposeB, int kStep, int kTall, int kWide>
__device__ void multiply(float (&sum)[kTall][kWide], const char* tile_a, const char* tile_b, unsigned row, unsigned col,
                         unsigned k, unsigned down, unsigned across) {
  using Along = Pack<float, kStep>;
  using Across = Pack<float, 4>;
  float a[kStep][kTall];
  if constexpr (kTransposeA) {
#pragma unroll
    for (int z = 0; z < kStep; ++z)
#pragma unroll
      for (int y = 0; y < kTall; y += 4) {
        Across four = load_pack<4>(values_at<TileA, false, kLanesDown>(tile_a, row, k + z, y, down));
#pragma unroll
        for (int j = 0; j < 4; ++j) a[z][y + j] = four[j];
      }
  } else {
#pragma unroll
    for (int y = 0; y < kTall; ++y) {
      Along x = load_pack<kStep>(values_at<TileA, true, kLanesDown>(tile_a, row, k, y, down));
#pragma unroll
      for (int z = 0; z < kStep; ++z) a[z][y] = x[z];
    }
  }
  if constexpr (kTransposeB) {
#pragma unroll
    for (int x = 0; x < kWide; ++x) {
      Along b = load_pack<kStep>(values_at<TileB, true, kLanesAcross>(tile_b, col, k, x, across));
#pragma unroll
      for (int z = 0; z < kStep; ++z)
#pragma unroll
        for (int y = 0; y < kTall; ++y) sum[y][x] = fmaf(a[z][y], b[z], sum[y][x]);
    }
  } else {
#pragma unroll
    for (int z = 0; z < kStep; ++z)
#pragma unroll
      for (int x = 0; x < kWide; x += 4) {
        Across b = load_pack<4>(values_at<TileB, false, kLanesAcross>(tile_b, col, k + z, x, across));
#pragma unroll
        for (int y = 0; y < kTall; ++y)
#pragma unroll
          for (int j = 0; j < 4; ++j) sum[y][x + j] = fmaf(a[z][y], b[j], sum[y][x + j]);
      }
  }
}

template <class Shape, bool kTransposeA, bool kTransposeB>
__global__ void __launch_bounds__(Traits<Shape>::kThreads, Shape::kBlocks)
    simt_kernel(const __grid_constant__ Job<float> job) {
  using S = Traits<Shape>;
  using P = Pieces<float, kTransposeA, kTransposeB, false, S::kTile, S::kTile, S::kDepth, S::kThreads>;
  constexpr int kStep = kTransposeA && kTransposeB ? 2 : 4;  // there 4 need more registers than there are
  constexpr int kStages = S::kStages, kTall = S::kTall, kWide = S::kWide;
  extern __shared__ __align__(128) char shared[];
  const unsigned lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp;
  const unsigned down = lane / kLanesAcross, across = lane % kLanesAcross;
  const unsigned warp_row = warp / S::kWarpsAcross * S::kWarpRows, warp_col = warp % S::kWarpsAcross * S::kWarpCols;
  const Share& share = block_share<S::kTile, S::kTile, S::kDepth>(job);
  float sum[kTall][kWide] = {};
  for_each_piece<P, kStages>(job, share, shared, [&](const char* tile_a, const char* tile_b) {
#pragma unroll(kTransposeB && !kTransposeA ? 1 : 2)  // as far as registers go
    for (unsigned chunk = 0; chunk < S::kDepth; chunk += 4)
#pragma unroll
      for (unsigned k = 0; k < 4; k += kStep)
        multiply<typename P::TileA, typename P::TileB, kTransposeA, kTransposeB, kStep>(
            sum, tile_a, tile_b, warp_row, warp_col, chunk + k, down, across);
  });

  using Out = Stage<S::kWarpRows, S::kWarpCols>;
  float* stage = reinterpret_cast<float*>(shared + warp * Out::kBytes);
  constexpr int kTogether = kTransposeB ? 1 : 4;
#pragma unroll
  for (int y = 0; y < kTall; ++y)
#pragma unroll
    for (int x = 0; x < kWide; x += kTogether) {
      Pack<float, kTogether> neighbours;
#pragma unroll
      for (int i = 0; i < kTogether; ++i) neighbours[i] = sum[y][x + i];
      store_pack(Out::at(stage, place<!kTransposeA>(y, down, kLanesDown), place<kTransposeB>(x, across, kLanesAcross)),
                 neighbours);
    }
  __syncwarp();
  store_stage<S::kWarpRows, S::kWarpCols>(job, share, share.row + warp_row, share.col + warp_col, stage);
}

template <class Shape>
void start(Cuda& ctx, const Job<float>& job, const MatmulSizes& s) {
  with_flags(s, [&](auto a, auto b) {
    using S = Traits<Shape>;
    using P = Pieces<float, a, b, false, S::kTile, S::kTile, S::kDepth, S::kThreads>;
    constexpr size_t kShared = std::max(P::kBytes * S::kStages, S::kTile * S::kTile * 4);
    launch(ctx, simt_kernel<Shape, a, b>, blocks_of<S::kTile, S::kTile>(job), S::kThreads, kShared, job);
  });
}

}  // namespace

void simt_matmul(Cuda& ctx, const Job<float>& job, const MatmulSizes& s, Path path) {
  path == Path::large ? start<Large>(ctx, job, s) : start<Small>(ctx, job, s);
}

}  // namespace fovea::kernels::gemm
