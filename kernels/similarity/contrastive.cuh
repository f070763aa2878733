#pragma once

// Private to kernels/: the streaming core of the contrastive losses and of top-k. A block owns kRows rows of one side
// and meets the rows of the other in tiles of kCols, similarities by tensor cores into registers, double buffered by
// cp.async; the matrix of similarities is never in memory. Each warp has whole rows of a tile, so sums along rows need
// no other warp.
//
//   shared memory   x [kRows, kDepth], y 2 x [kCols, kDepth], the columns' inverse norms and shifts
//   bf16            mma.m16n8k16 on the rows as they are: products are exact, norms are applied to the f32 sums
//   f32             three mma.m16n8k8 in tf32 (a = hi + lo; lo hi, hi lo, hi hi): errors near 2^-22 of a product
//
// Rows longer than kDepth come in chunks, those of x along with those of y.
#include <fovea/kernels/base/cuda_utils.cuh>
#include <fovea/kernels/base/mma.cuh>

namespace fovea::kernels::contrast {

constexpr int kWarps = 4, kThreads = kWarps * kWarp;
constexpr int kDepth = 128;

// One side of a matrix of similarities: rows of `dim` elements, those from `split` on elsewhere.
template <class T>
struct Side {
  const T *first, *second;
  int64_t split, count, dim;
  const float* inverse;  // [count], 1 / |row|; null: not wanted
  const float* shift;    // [count], what is taken off similarities, such as a log-sum; null: not wanted
  __device__ const T* row(int64_t i) const { return i < split ? first + i * dim : second + (i - split) * dim; }
};

// Which column is a row's positive, and what its softmax leaves out.
struct Pairing {
  int64_t shift = -1, count = 0;  // (row + shift) % count; shift -1: none among the columns
  bool without_self = false, without_positive = false;
  const float* weight = nullptr;  // [pairs] weights of the positives; null: 1
  int64_t pairs = 1;

  __device__ int64_t positive(int64_t row) const {
    if (shift < 0) return -1;
    int64_t col = row + shift;
    return col < count ? col : col - count;
  }
  __device__ bool excluded(int64_t row, int64_t col) const {
    return (without_self && col == row) || (without_positive && col == positive(row));
  }
  __device__ float weight_of(int64_t row) const { return weight ? weight[row % pairs] : 1; }
  // Whether a tile holds anything but plain negatives.
  __device__ bool special(int64_t row, int rows, int64_t col, int cols) const {
    auto meets = [&](int64_t at) { return at < col + cols && col < at + rows; };
    return (without_self && meets(row)) || (shift >= 0 && (meets(row + shift) || meets(row + shift - count)));
  }
};

// logit = scale cos + bias; scale and bias may lie on the device.
struct Logit {
  float scale = 1;
  const float *log_scale = nullptr, *bias_at = nullptr;
  __device__ float factor() const { return log_scale ? expf(*log_scale) : scale; }
  __device__ float bias() const { return bias_at ? *bias_at : 0; }
};

template <class T>
struct Stream {
  Side<T> x, y;
  Pairing pairing;
  Logit logit;
  int tiles;     // of columns for a block
  bool aligned;  // rows lie on 16-byte boundaries
};

// f32 as a sum of two tf32.
template <int N>
__device__ void split(const uint32_t (&x)[N], uint32_t (&high)[N], uint32_t (&low)[N]) {
#pragma unroll
  for (int i = 0; i < N; ++i) {
    high[i] = to_tf32(x[i]);
    low[i] = to_tf32(__uint_as_float(x[i]) - __uint_as_float(high[i]));
  }
}

template <class T, int kRowTiles>
class Streamer {
 public:
  static constexpr bool kHalf = sizeof(T) == 2;
  static constexpr int kChunk = kPack<T>, kChunks = kDepth / kChunk;  // 16-byte chunks of a row
  static constexpr int kRows = 16 * kRowTiles * kWarps, kCols = kHalf ? 64 : 32, kColTiles = kCols / 8;
  static constexpr int kStep = 2 * kChunk;  // the depth of one mma: 16 or 8
  using Tile = float[kRowTiles][kColTiles][4];

  static size_t shared_bytes(int64_t dim) {
    int copies_of_x = dim > kDepth ? 2 : 1;
    return size_t(copies_of_x * kRows + 2 * kCols) * kChunks * 16 + 4 * kCols * sizeof(float);
  }

  // `last`: the chunk that is in shared memory when a tile is complete.
  __device__ Streamer(const Stream<T>& stream, uint4* shared, int last)
      : s_(stream),
        chunks_(int(ceil_div<int64_t>(s_.x.dim, kDepth))),
        last_(last),
        row_(int64_t(blockIdx.x) * kRows),
        x_(shared),
        y_(shared + (chunks_ > 1 ? 2 : 1) * kRows * kChunks),
        cols_(reinterpret_cast<float*>(y_ + 2 * kCols * kChunks)) {}

  // The first row of this lane's in row tile m; its others are 8 further.
  __device__ int64_t row(int m, int half) const {
    return row_ + (threadIdx.x / kWarp * kRowTiles + m) * 16 + threadIdx.x % kWarp / 4 + half * 8;
  }
  // Steps of kStep that chunk `chunk` holds; zeros follow its end.
  __device__ int steps(int chunk) const {
    return int(ceil_div<int64_t>(min(s_.x.dim - int64_t(chunk) * kDepth, int64_t(kDepth)), kStep));
  }

  // body(tile, first column, inverse norms, shifts, y's last chunk, special) for the block's tiles of columns.
  template <class F>
  __device__ void run(F&& body) {
    int64_t begin = int64_t(blockIdx.y) * s_.tiles, all = ceil_div<int64_t>(s_.y.count, kCols);
    int tiles = int(min(int64_t(s_.tiles), all - begin)), total = tiles * chunks_;
    Tile tile = {};
    load(begin, 0);
    for (int step = 0; step < total; ++step) {
      copy_async_wait<0>();
      __syncthreads();
      if (step + 1 < total) load(begin, step + 1);
      const uint4 *x = chunks_ > 1 ? x_ + step % 2 * kRows * kChunks : x_, *y = y_ + step % 2 * kCols * kChunks;
      int part = step % chunks_, parity = step / chunks_ % 2;
      multiply(x, y, steps(chunk_of(part)), tile);
      if (part + 1 < chunks_) continue;
      int64_t col = (begin + step / chunks_) * kCols;
      bool special = col + kCols > s_.y.count || s_.pairing.special(row_, kRows, col, kCols);
      const float* inverse = cols_ + parity * 2 * kCols;
      body(tile, col, inverse, inverse + kCols, y, special);
#pragma unroll
      for (int i = 0; i < kRowTiles * kColTiles * 4; ++i) (&tile[0][0][0])[i] = 0;
    }
  }

 private:
  __device__ int chunk_of(int part) const {
    int chunk = last_ + 1 + part;
    return chunk < chunks_ ? chunk : chunk - chunks_;
  }

  __device__ void load(int64_t begin, int step) {
    int part = step % chunks_, chunk = chunk_of(part);
    int64_t col = (begin + step / chunks_) * kCols;
    if (chunks_ > 1 || step == 0)
      load_tile<kRows>(s_.x, row_, chunk, x_ + (chunks_ > 1 ? step % 2 : 0) * kRows * kChunks);
    load_tile<kCols>(s_.y, col, chunk, y_ + step % 2 * kCols * kChunks);
    if (part == 0 && threadIdx.x < kCols) {
      float* to = cols_ + step / chunks_ % 2 * 2 * kCols + threadIdx.x;
      int64_t j = col + threadIdx.x;
      int valid = j < s_.y.count ? 4 : 0;
      if (s_.y.inverse) copy_async<4>(to, s_.y.inverse + (valid ? j : 0), valid);
      if (s_.y.shift) copy_async<4>(to + kCols, s_.y.shift + (valid ? j : 0), valid);
    }
    copy_async_commit();
  }

  template <int kTileRows>
  __device__ void load_tile(const Side<T>& side, int64_t first, int chunk, uint4* tile) {
    int used = 2 * steps(chunk);
    for (int i = threadIdx.x; i < kTileRows * kChunks; i += kThreads) {
      int r = i / kChunks, c = i % kChunks;
      if (c >= used) continue;
      int64_t row = first + r, k = int64_t(chunk) * kDepth + c * kChunk;
      int valid = row < side.count ? int(max(int64_t(0), min(side.dim - k, int64_t(kChunk)))) : 0;
      const T* from = valid ? side.row(row) + k : side.first;
      uint4* to = tile + swizzled<kChunks>(r, c);
      if (s_.aligned) {
        copy_async<16>(to, from, valid * int(sizeof(T)));
      } else {
        Pack<T, kChunk> pack;
#pragma unroll
        for (int e = 0; e < kChunk; ++e) pack[e] = e < valid ? from[e] : from_float<T>(0);
        store_pack(reinterpret_cast<T*>(to), pack);
      }
    }
  }

  // tile += x y^T over `steps` steps. The small products of f32 have sums of their own, so that few additions of the
  // tensor cores, which truncate, see the large ones.
  __device__ void multiply(const uint4* x, const uint4* y, int steps, Tile& tile) {
    int lane = threadIdx.x % kWarp, base = threadIdx.x / kWarp * kRowTiles * 16;
    RowChunk mine = rows_first(lane), theirs = chunks_first(lane);
    [[maybe_unused]] Tile small = {};
#pragma unroll 2
    for (int k = 0; k < steps; ++k) {
      uint32_t a[kRowTiles][4], a_low[kRowTiles][4];
#pragma unroll
      for (int m = 0; m < kRowTiles; ++m) {
        ldmatrix(a[m], x + swizzled<kChunks>(base + m * 16 + mine.row, 2 * k + mine.chunk));
        if constexpr (!kHalf) {
          uint32_t whole[4] = {a[m][0], a[m][1], a[m][2], a[m][3]};
          split(whole, a[m], a_low[m]);
        }
      }
#pragma unroll
      for (int n = 0; n < kColTiles; n += 2) {
        uint32_t b[4];
        ldmatrix(b, y + swizzled<kChunks>(n * 8 + theirs.row, 2 * k + theirs.chunk));
        if constexpr (kHalf) {
#pragma unroll
          for (int m = 0; m < kRowTiles; ++m) {
            mma_bf16(tile[m][n], a[m], b);
            mma_bf16(tile[m][n + 1], a[m], b + 2);
          }
        } else {
          uint32_t high[4], low[4];
          split(b, high, low);
#pragma unroll
          for (int m = 0; m < kRowTiles; ++m)
#pragma unroll
            for (int i = 0; i < 2; ++i) {
              mma_tf32(small[m][n + i], a_low[m], high + 2 * i);
              mma_tf32(small[m][n + i], a[m], low + 2 * i);
              mma_tf32(tile[m][n + i], a[m], high + 2 * i);
            }
        }
      }
    }
    if constexpr (!kHalf) {
#pragma unroll
      for (int i = 0; i < kRowTiles * kColTiles * 4; ++i) (&tile[0][0][0])[i] += (&small[0][0][0])[i];
    }
  }

  const Stream<T>& s_;
  int chunks_, last_;
  int64_t row_;
  uint4 *x_, *y_;
  float* cols_;
};

// sum [16 rows of the warp, kDepth] += weights [16, kCols] y [kCols, kDepth], of which `steps` steps are there. A tile
// of similarities is the left operand as it lies in registers: bf16 packs neighbours, and for tf32 the columns 2t and
// 2t + 1 that a lane holds stand for k = t and t + 4, in y too. A tile's products are added to the long sum by ordinary
// additions: those of the tensor cores truncate, which tens of thousands of columns would show.
template <class T, int kColTiles>
__device__ void accumulate(const float (&weights)[kColTiles][4], const uint4* y, int steps, float (&sum)[16][4]) {
  constexpr int kChunks = kDepth / kPack<T>;
  int lane = threadIdx.x % kWarp;
  auto add = [](float(&to)[4], const float(&some)[4]) {
#pragma unroll
    for (int i = 0; i < 4; ++i) to[i] += some[i];
  };
  if constexpr (sizeof(T) == 2) {
    RowChunk at = rows_first(lane);
    uint32_t a[kColTiles / 2][4];
#pragma unroll
    for (int k = 0; k < kColTiles / 2; ++k)
#pragma unroll
      for (int i = 0; i < 4; ++i)
        a[k][i] = pack_bf16(weights[2 * k + i / 2][i % 2 * 2], weights[2 * k + i / 2][i % 2 * 2 + 1]);
#pragma unroll
    for (int n = 0; n < 8; ++n) {
      if (n >= steps) break;
      float some[2][4] = {};
#pragma unroll
      for (int k = 0; k < kColTiles / 2; ++k) {
        uint32_t b[4];
        ldmatrix<4, true>(b, y + swizzled<kChunks>(k * 16 + at.row, 2 * n + at.chunk));
        mma_bf16(some[0], a[k], b);
        mma_bf16(some[1], a[k], b + 2);
      }
      add(sum[2 * n], some[0]);
      add(sum[2 * n + 1], some[1]);
    }
  } else {
    int g = lane / 4, t = lane % 4;
    uint32_t a[kColTiles][4], a_low[kColTiles][4];
#pragma unroll
    for (int k = 0; k < kColTiles; ++k) {
      uint32_t whole[4] = {__float_as_uint(weights[k][0]), __float_as_uint(weights[k][2]),
                           __float_as_uint(weights[k][1]), __float_as_uint(weights[k][3])};
      split(whole, a[k], a_low[k]);
    }
#pragma unroll
    for (int n = 0; n < 16; ++n) {
      if (n >= steps) break;
      float some[4] = {};
#pragma unroll
      for (int k = 0; k < kColTiles; ++k) {
        uint32_t b[2], high[2], low[2];
#pragma unroll
        for (int i = 0; i < 2; ++i)
          b[i] = reinterpret_cast<const uint32_t*>(y + swizzled<kChunks>(k * 8 + 2 * t + i, 2 * n + g / 4))[g % 4];
        split(b, high, low);
        mma_tf32(some, a_low[k], high);
        mma_tf32(some, a[k], low);
        mma_tf32(some, a[k], high);
      }
      add(sum[n], some);
    }
  }
}

}  // namespace fovea::kernels::contrast
