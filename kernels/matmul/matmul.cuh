#pragma once

#include <climits>
#include <stdexcept>
#include <type_traits>

#include <fovea/kernels/matmul.h>
#include <fovea/kernels/base/cuda_utils.cuh>
#include <fovea/kernels/base/mma.cuh>

// What the matrix products on CUDA share: how work is cut, tiles on their way into shared memory and results on their
// way out. Private to the matmul_*.cu files.
//
// A block makes one tile of C. It walks over `iterations` pieces of k (all of them, or its part of a split), each a
// tile of A and a tile of B in shared memory, in the orientation in which they lie in global memory.
namespace fovea::kernels::gemm {

// Where a product goes and what happens to it on the way: MatmulOutput for the device. `raw` writes the sums as they
// are to f32 [splits, matrices, m, n], for reduce_splits to finish.
template <class T>
struct Destination {
  void* c;
  int64_t stride_c;
  const float* bias;
  const T* residual;
  float alpha, beta;
  Epilogue epilogue;
  bool wide;    // C is f32
  bool packed;  // rows of C and of the residual and the bias allow 16-byte accesses
};

template <class T>
struct Job {
  const T *a, *b;
  int m, n, k;
  int64_t stride_a, stride_b;
  bool packed_a, packed_b;  // rows as stored allow 16-byte copies
  int matrices, summed;     // results, and products summed into each
  int splits;
  Destination<T> out;
};

// Which tile of C a block makes, and its share of the summed pieces of k. Blocks that run at the same time share rows
// and columns: 8 tiles down, then the next column, so that their operands meet in the second cache.
struct Share {
  int row, col, matrix, split, begin, end;
};
template <int kRows, int kCols, int kDepth, class T>
__device__ Share share_of(const Job<T>& job, unsigned block) {
  constexpr unsigned kGroup = 8;
  unsigned down = ceil_div(job.m, kRows), across = ceil_div(job.n, kCols), tiles = down * across;
  unsigned tile = block % tiles, rest = block / tiles;
  unsigned group = tile / (kGroup * across), first = group * kGroup, height = min(kGroup, down - first);
  unsigned inside = tile - first * across;
  int matrix = int(rest % job.matrices), split = int(rest / job.matrices);
  int64_t pieces = int64_t(ceil_div(job.k, kDepth)) * job.summed;
  return {int(first + inside % height) * kRows, int(inside / height) * kCols,          matrix, split,
          int(pieces * split / job.splits),     int(pieces * (split + 1) / job.splits)};
}

// threadIdx.x, read again: what is computed from it is not kept in registers over the loop around.
__device__ inline int fresh_thread() {
  unsigned x;
  asm volatile("mov.u32 %0, %%tid.x;" : "=r"(x));
  return int(x);
}

// A tile of an operand in shared memory: [kWidth][kDepth] when k runs along the rows of the stored matrix (kAlongK),
// else [kDepth][kWidth]; width is the m or n direction. Chunks of 16 bytes are permuted for whoever reads them:
// ldmatrix, or eight rows at once; tf32 fragments across the rows (kFragments), which read 4 rows and 2 chunks in
// words; or, in the last case, rows as they are.
template <class T, bool kAlongK, bool kFragments, int kWidth, int kDepth, int kThreads>
struct OperandTile {
  static constexpr int kRows = kAlongK ? kWidth : kDepth, kCols = kAlongK ? kDepth : kWidth;
  static constexpr int kElements = 16 / sizeof(T), kChunks = kCols / kElements, kBytes = kRows * kCols * int(sizeof(T));
  static_assert(kChunks % 4 == 0);

  __device__ static int chunk_at(int row, int chunk) {
    if constexpr (kAlongK || sizeof(T) == 2)
      return swizzled<kChunks>(row, chunk);
    else
      return row * kChunks + (kFragments ? chunk ^ int(unsigned(row) % 4 * 2) : chunk);
  }
  __device__ static const char* chunk(const char* tile, int row, int chunk) { return tile + chunk_at(row, chunk) * 16; }
  __device__ static const T& element(const char* tile, int row, int col) {
    return reinterpret_cast<const T*>(chunk(tile, row, col / kElements))[col % kElements];
  }

  // Starts the copies of a tile whose corner is `from`, in a matrix of `stride` elements a row that ends `rows` and
  // `cols` after the corner. What lies outside becomes 0.
  __device__ static void load(char* tile, const T* from, int64_t stride, int rows, int cols, bool packed) {
    if (packed) {
      constexpr int kStep = kThreads / kChunks;
      static_assert(kThreads % kChunks == 0 && kRows % kStep == 0);
      const int thread = fresh_thread();
      int row = thread / kChunks, chunk = thread % kChunks;
      const T* p = from + row * stride + chunk * kElements;
      if (rows >= kRows && cols >= kCols) {
#pragma unroll
        for (int i = 0; i < kRows / kStep; ++i, row += kStep, p += kStep * stride)
          copy_async<16>(tile + chunk_at(row, chunk) * 16, p);
      } else {
        int valid = max(0, min(16, (cols - chunk * kElements) * int(sizeof(T))));
#pragma unroll
        for (int i = 0; i < kRows / kStep; ++i, row += kStep, p += kStep * stride) {
          int bytes = row < rows ? valid : 0;
          copy_async<16>(tile + chunk_at(row, chunk) * 16, bytes ? p : from, bytes);
        }
      }
    } else {
#pragma unroll(sizeof(T) == 4 ? 1 : 4)
      for (int i = fresh_thread(); i < kRows * kCols; i += kThreads) {
        int row = i / kCols, col = i % kCols;
        bool inside = row < rows && col < cols;
        char* to = tile + chunk_at(row, col / kElements) * 16 + col % kElements * int(sizeof(T));
        if constexpr (sizeof(T) == 4)
          copy_async<4>(to, inside ? from + row * stride + col : from, inside ? 4 : 0);
        else
          *reinterpret_cast<T*>(to) = inside ? from[row * stride + col] : from_float<T>(0);
      }
    }
  }
};

// The pieces of k that a block sums, one after the other: starts their copies into `kStages` buffers in turn.
template <class T, bool kTransposeA, bool kTransposeB, bool kFragments, int kRows, int kCols, int kDepth, int kThreads>
struct Pieces {
  using TileA = OperandTile<T, !kTransposeA, kFragments, kRows, kDepth, kThreads>;
  using TileB = OperandTile<T, kTransposeB, kFragments, kCols, kDepth, kThreads>;
  static constexpr int kBytes = TileA::kBytes + TileB::kBytes;

  const Job<T>& job;
  const Share& share;
  int product, k;  // of the next piece

  __device__ Pieces(const Job<T>& job, const Share& share) : job(job), share(share) {
    int per_product = max(1, ceil_div(job.k, kDepth));
    product = share.begin / per_product;
    k = share.begin % per_product * kDepth;
  }
  __device__ void load(char* buffer) {
    int64_t matrix = share.matrix + product;
    const T *a = job.a + matrix * job.stride_a, *b = job.b + matrix * job.stride_b;
    int rows = job.m - share.row, cols = job.n - share.col, depth = job.k - k;
    if constexpr (kTransposeA)
      TileA::load(buffer, a + int64_t(k) * job.m + share.row, job.m, depth, rows, job.packed_a);
    else
      TileA::load(buffer, a + int64_t(share.row) * job.k + k, job.k, rows, depth, job.packed_a);
    if constexpr (kTransposeB)
      TileB::load(buffer + TileA::kBytes, b + int64_t(share.col) * job.k + k, job.k, cols, depth, job.packed_b);
    else
      TileB::load(buffer + TileA::kBytes, b + int64_t(k) * job.n + share.col, job.n, depth, cols, job.packed_b);
    k += kDepth;
    if (k >= job.k) k = 0, ++product;
  }
};

// The share of this block, in shared memory and not in registers, of which the loop over pieces wants all.
template <int kRows, int kCols, int kDepth, class T>
__device__ const Share& block_share(const Job<T>& job) {
  __shared__ Share share;
  if (threadIdx.x == 0) share = share_of<kRows, kCols, kDepth>(job, blockIdx.x);
  __syncthreads();
  return share;
}

// Calls multiply(tile of A, tile of B) for one piece after the other, from kStages buffers of P::kBytes in `shared`,
// while the next pieces are on their way. Afterwards `shared` is free.
template <class P, int kStages, class T, class Multiply>
__device__ void for_each_piece(const Job<T>& job, const Share& share, char* shared, const Multiply& multiply) {
  const int count = share.end - share.begin;
  P pieces(job, share);
#pragma unroll 1
  for (int i = 0; i < kStages - 1; ++i) {
    if (i < count) pieces.load(shared + i * P::kBytes);
    copy_async_commit();
  }
  int used = 0;  // buffer
  for (int i = kStages - 1; i < count + kStages - 1; ++i) {
    copy_async_wait<kStages - 2>();
    __syncthreads();
    if (i < count) pieces.load(shared + (used == 0 ? kStages - 1 : used - 1) * P::kBytes);
    copy_async_commit();
    const char* tiles = shared + used * P::kBytes;
    used = used + 1 == kStages ? 0 : used + 1;
    multiply(tiles, tiles + P::TileA::kBytes);
  }
  copy_async_wait<0>();
  __syncthreads();
}

// A warp's part of the result in shared memory, f32 [kRows][kCols], on its way from fragments to whole rows. Chunks are
// permuted so that fragments (4 rows, 2 chunks) and rows are both free of bank conflicts.
template <int kRows, int kCols>
struct Stage {
  static constexpr int kBytes = kRows * kCols * 4;
  __device__ static float* at(float* stage, int row, int col) {
    return stage + row * kCols + ((col / 4 ^ (row ^ row / 4) % 4 * 2) * 4 + col % 4);
  }
};

// Adds N neighbours from memory, times `scale`, to x.
template <class From, int N>
__device__ void add_scaled(Pack<float, N>& x, const From* from, float scale) {
  constexpr int kAtOnce = N < kPack<From> ? N : kPack<From>;
#pragma unroll
  for (int part = 0; part < N; part += kAtOnce) {
    Pack<From, kAtOnce> values = load_pack<kAtOnce>(from + part);
#pragma unroll
    for (int i = 0; i < kAtOnce; ++i) x[part + i] += scale * to_float(values[i]);
  }
}

// Applies the epilogue to N neighbours of one row and writes them.
template <class Out, int N, class T>
__device__ void finish_pack(const Destination<T>& out, Pack<float, N> x, int64_t at, int col) {
  Out* c = static_cast<Out*>(out.c) + at;
#pragma unroll
  for (int i = 0; i < N; ++i) x[i] *= out.alpha;
  if (out.beta != 0) add_scaled(x, c, out.beta);
  if (out.bias) add_scaled(x, out.bias + col, 1);
  if (out.residual) add_scaled(x, out.residual + at, 1);
  if (out.epilogue == Epilogue::relu) {
#pragma unroll
    for (int i = 0; i < N; ++i) x[i] = x[i] < 0 ? 0.0f : x[i];
  } else if (out.epilogue == Epilogue::gelu) {
#pragma unroll
    for (int i = 0; i < N; ++i) x[i] = 0.5f * x[i] * (1 + erff(x[i] * 0.70710678f));
  }
  Pack<Out, N> result;
#pragma unroll
  for (int i = 0; i < N; ++i) result[i] = from_float<Out>(x[i]);
  store_pack(c, result);
}

// Writes a warp's stage to rows [row, ...) and columns [col, ...) of its matrix, N columns a lane at once.
template <class Out, int N, int kRows, int kCols, class T>
__device__ void store_stage(const Job<T>& job, int64_t offset, int row, int col, float* stage) {
#pragma unroll 1
  for (int i = int(threadIdx.x) % kWarp; i < kRows * kCols / N; i += kWarp) {
    int r = i / (kCols / N), c = i % (kCols / N) * N;
    if (row + r >= job.m || col + c >= job.n) continue;
    Pack<float, N> x;
    if constexpr (N == 1) {
      x[0] = *Stage<kRows, kCols>::at(stage, r, c);
    } else {
      // Lanes four apart read the halves of eight columns in a different order, each time from all banks.
      const int turned = N == 8 ? i / 4 % 2 : 0;
      Pack<float, 4> part[N / 4];
#pragma unroll
      for (int j = 0; j < N / 4; ++j) part[j] = load_pack<4>(Stage<kRows, kCols>::at(stage, r, c + (j ^ turned) * 4));
#pragma unroll
      for (int j = 0; j < N; ++j) x[j] = turned ? part[(j / 4 ^ 1) % (N / 4)][j % 4] : part[j / 4][j % 4];
    }
    finish_pack<Out, N>(job.out, x, offset + int64_t(row + r) * job.n + col + c, col + c);
  }
}
template <int kRows, int kCols, class T>
__device__ void store_stage(const Job<T>& job, const Share& share, int row, int col, float* stage) {
  int64_t offset = (int64_t(share.split) * job.matrices + share.matrix) * job.out.stride_c;
  if (job.out.wide)
    job.out.packed ? store_stage<float, 4, kRows, kCols>(job, offset, row, col, stage)
                   : store_stage<float, 1, kRows, kCols>(job, offset, row, col, stage);
  else if constexpr (sizeof(T) == 2)
    job.out.packed ? store_stage<T, 8, kRows, kCols>(job, offset, row, col, stage)
                   : store_stage<T, 1, kRows, kCols>(job, offset, row, col, stage);
}

// The families of kernels. A path is a family and its tile; tiles of `small` are kSmallDepth bytes deep, of `large`
// kLargeDepth, of Hopper's two kHopperDepth.
enum class Path { small, large, narrow, wide };  // 64 x 64, 128 x 128; on Hopper 128 x 128, 128 x 256
inline constexpr int kSmallTile = 64, kLargeTile = 128, kWideTile = 256;
inline constexpr int kSmallDepth = 128, kLargeDepth = 64, kHopperDepth = 128;
void simt_matmul(Cuda&, const Job<float>&, const MatmulSizes&, Path);
template <class T>
void mma_matmul(Cuda&, const Job<T>&, const MatmulSizes&, Path);
void hopper_matmul(Cuda&, const Job<bf16>&, const MatmulSizes&, Path);
// Whether hopper_matmul can do the job: on sm_90, in a library with code for sm_90a, where rows allow 16-byte copies.
bool hopper_takes(const Cuda&, const Job<bf16>&);

// Calls f with both transpose flags as constants.
template <class F>
void with_flags(const MatmulSizes& s, F f) {
  using Yes = std::true_type;
  using No = std::false_type;
  if (s.transpose_a)
    s.transpose_b ? f(Yes(), Yes()) : f(Yes(), No());
  else
    s.transpose_b ? f(No(), Yes()) : f(No(), No());
}

template <int kRows, int kCols, class T>
unsigned blocks_of(const Job<T>& job) {
  int64_t blocks = int64_t(ceil_div(job.m, kRows)) * ceil_div(job.n, kCols) * job.matrices * job.splits;
  if (blocks > INT_MAX) throw std::runtime_error("matmul: the result is too large for one launch");
  return unsigned(blocks);
}

}  // namespace fovea::kernels::gemm
