#pragma once

// Private to kernels/attention*.cu: tiles of rows in shared memory, and the two products that attention is made of, on
// the tensor cores, for a warp that owns 16 * kTiles rows:
//
//   c [own rows, kCols]  = own rows . (streamed rows)^T        over the head width   (logits; slopes of probabilities)
//   acc [own rows, D]   += p [own rows, kCols] . streamed rows                       (values; gradients)
//
// p is c after some work on its elements, and never leaves the registers: rounded to bf16, two neighbouring C fragments
// are an A fragment. In f32 a C fragment is an A fragment of tf32 whose k is permuted (lane t of four holds columns 2t
// and 2t + 1 of C, and k = t and t + 4 of A), so the streamed rows are read in that order too.
//
// f32 products are made of three in tf32: x = high + low, each with 10 bits of mantissa and rounded to nearest, and
// a b = low high + high low + high high; what is left out is below 2^-22 of the product.
#include <fovea/kernels/attention.h>
#include <fovea/kernels/base/cuda_utils.cuh>
#include <fovea/kernels/base/mma.cuh>

namespace fovea::kernels::attention_tiles {

constexpr int kThreads = 128, kWarps = kThreads / kWarp;

// Rows of one head in global memory: projections or their gradients, results or theirs.
template <class T>
struct Rows {
  T* first;  // of token 0
  int64_t stride;
};

// What every kernel knows. `packs`: all rows are aligned to 16 bytes, and dim is a multiple of what that holds.
struct Problem {
  Attention s;
  bool packs;
  __device__ int64_t batch(int64_t head) const { return head / s.heads; }
  // Part 0, 1 or 2 (queries, keys or values) of packed projections.
  template <class T>
  __device__ Rows<T> projections(T* qkv, int64_t head, int part) const {
    const int64_t width = s.heads * s.dim;
    return {qkv + batch(head) * s.tokens * 3 * width + part * width + head % s.heads * s.dim, 3 * width};
  }
  template <class T>
  __device__ Rows<T> results(T* y, int64_t head) const {
    const int64_t width = s.heads * s.dim;
    return {y + batch(head) * s.tokens * width + head % s.heads * s.dim, width};
  }
  __device__ const uint8_t* keys(int64_t head) const {
    return s.key_mask ? s.key_mask + batch(head) * s.tokens : nullptr;
  }
  __device__ bool allowed(const uint8_t* mask, int i, int j) const {
    return j < s.tokens && (!s.causal || j <= i) && (!mask || mask[j]);
  }
};

// A tile of rows of D elements in shared memory, permuted as in mma.cuh. In f32 the rows are as long as the next
// multiple of 128 bytes: the reads of single words below need it.
template <class T, int D>
struct Tile {
  static constexpr int kUsed = D / kPack<T>;  // 16-byte chunks of a row
  static constexpr int kChunks = sizeof(T) == 4 ? ceil_div(kUsed, 8) * 8 : kUsed;
  static constexpr int kRowBytes = kChunks * 16;
  static constexpr int kDepth = 32 / sizeof(T);  // elements that one product sums over: two chunks

  T* data;
  __device__ T* at(int row, int chunk) const { return data + swizzled<kChunks>(row, chunk) * kPack<T>; }
  __device__ T* element(int row, int col) const { return at(row, col / kPack<T>) + col % kPack<T>; }
};

// Starts to copy rows [first, first + kRows) into the tile: zeros beyond the tokens and beyond dim.
template <int kRows, class T, int D>
__device__ void load_rows(const Problem& p, const Rows<const T>& from, int first, Tile<T, D> tile) {
  using Tile = Tile<T, D>;
#pragma unroll 2
  for (int i = threadIdx.x; i < kRows * Tile::kUsed; i += kThreads) {
    const int row = i / Tile::kUsed, chunk = i % Tile::kUsed, col = chunk * kPack<T>;
    T* to = tile.at(row, chunk);
    const bool inside = first + row < p.s.tokens;
    const T* at = inside ? from.first + (first + row) * from.stride + col : from.first;
    if (p.packs) {
      const bool some = inside && col < p.s.dim;
      copy_async<16>(to, some ? at : from.first, some ? 16 : 0);
    } else {
      for (int k = 0; k < kPack<T>; ++k) to[k] = inside && col + k < p.s.dim ? at[k] : T(0.0f);
    }
  }
}

// The warp's own fragments of rows of f32, from row `row` of the tile on, times factor[tile][half], to global memory
// through the tile, whose rows of this warp are lost.
template <int kTiles, class T, int D>
__device__ void store_rows(const Problem& p, const float (&acc)[kTiles][D / 8][4], const float (&factor)[kTiles][2],
                           Tile<T, D> tile, int row, const Rows<T>& to, int first) {
  using Tile = Tile<T, D>;
  const int lane = threadIdx.x % kWarp, g = lane / 4, t = lane % 4;
  __syncwarp();
#pragma unroll
  for (int m = 0; m < kTiles; ++m)
#pragma unroll
    for (int n = 0; n < D / 8; ++n)
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        Pack<T, 2>& pair = *reinterpret_cast<Pack<T, 2>*>(tile.element(row + 16 * m + 8 * half + g, 8 * n + 2 * t));
        pair[0] = from_float<T>(acc[m][n][2 * half] * factor[m][half]);
        pair[1] = from_float<T>(acc[m][n][2 * half + 1] * factor[m][half]);
      }
  __syncwarp();
#pragma unroll 4
  for (int i = lane; i < 16 * kTiles * Tile::kUsed; i += kWarp) {
    const int r = i / Tile::kUsed, chunk = i % Tile::kUsed, col = chunk * kPack<T>;
    if (first + row + r >= p.s.tokens) break;
    const auto from = load_pack<kPack<T>>(tile.at(row + r, chunk));
    T* out = to.first + (first + row + r) * to.stride + col;
    if (p.packs) {
      if (col < p.s.dim) store_pack(out, from);
    } else {
#pragma unroll
      for (int k = 0; k < kPack<T>; ++k)
        if (col + k < p.s.dim) out[k] = from[k];
    }
  }
}

// The operands of a product of depth Tile::kDepth: A [16, depth], or B [depth, 16] as two halves of 8 columns.
template <class T>
struct Fragment {
  uint32_t word[4];
};
template <>
struct Fragment<float> {
  uint32_t high[4], low[4];
  __device__ void set(int i, float x) {
    high[i] = to_tf32(x);
    low[i] = to_tf32(x - __uint_as_float(high[i]));
  }
};

// From 16 rows of a tile, `chunk` being the first of two, by each lane's row and chunk as in mma.cuh.
template <class T, int D>
__device__ Fragment<T> load_fragment(Tile<T, D> tile, int row, int chunk, RowChunk lane) {
  uint32_t word[4];
  ldmatrix(word, tile.at(row + lane.row, chunk + lane.chunk));
  Fragment<T> f;
#pragma unroll
  for (int i = 0; i < 4; ++i)
    if constexpr (sizeof(T) == 4)
      f.set(i, __uint_as_float(word[i]));
    else
      f.word[i] = word[i];
  return f;
}

// B [rows row .. of the tile, columns col .. col + 16), k along the rows.
template <class T, int D>
__device__ Fragment<T> load_across(Tile<T, D> tile, int row, int col) {
  const int lane = threadIdx.x % kWarp;
  Fragment<T> f;
  if constexpr (sizeof(T) == 4) {
    // The permutation stays within 32 elements: the rest is the same few addresses for all columns.
    const int g = lane / 4, t = lane % 4, within = col % 32 / 4 + g / 4;
#pragma unroll
    for (int i = 0; i < 4; ++i) f.set(i, tile.at(row + 2 * t + i % 2, within + 2 * (i / 2))[col / 32 * 32 + g % 4]);
  } else {
    const RowChunk at = rows_first(lane);
    ldmatrix<4, true>(f.word, tile.at(row + at.row, col / kPack<T> + at.chunk));
  }
  return f;
}

// A from depth columns of C fragments.
template <class T>
__device__ Fragment<T> as_operand(const float (*c)[4]) {
  Fragment<T> f;
  if constexpr (sizeof(T) == 4) {
    f.set(0, c[0][0]), f.set(1, c[0][2]), f.set(2, c[0][1]), f.set(3, c[0][3]);
  } else {
    f.word[0] = pack_bf16(c[0][0], c[0][1]), f.word[1] = pack_bf16(c[0][2], c[0][3]);
    f.word[2] = pack_bf16(c[1][0], c[1][1]), f.word[3] = pack_bf16(c[1][2], c[1][3]);
  }
  return f;
}

// c += A times half of B.
__device__ inline void multiply(float (&c)[4], const Fragment<bf16>& a, const Fragment<bf16>& b, int half) {
  mma_bf16(c, a.word, b.word + 2 * half);
}
__device__ inline void multiply(float (&c)[4], const Fragment<float>& a, const Fragment<float>& b, int half) {
  mma_tf32(c, a.low, b.high + 2 * half);
  mma_tf32(c, a.high, b.low + 2 * half);
  mma_tf32(c, a.high, b.high + 2 * half);
}

template <int kTiles, int kGroups, class T, int D>
__device__ void own_times_streamed(float (&c)[kTiles][kGroups][4], Tile<T, D> own, int row, Tile<T, D> streamed) {
  const int lane = threadIdx.x % kWarp;
#pragma unroll
  for (int m = 0; m < kTiles; ++m)
#pragma unroll
    for (int n = 0; n < kGroups; ++n)
#pragma unroll
      for (int k = 0; k < 4; ++k) c[m][n][k] = 0;
#pragma unroll(sizeof(T) == 4 ? 1 : 2)
  for (int chunk = 0; chunk < Tile<T, D>::kUsed; chunk += 2) {
    Fragment<T> a[kTiles];
#pragma unroll
    for (int m = 0; m < kTiles; ++m) a[m] = load_fragment(own, row + 16 * m, chunk, rows_first(lane));
#pragma unroll
    for (int n = 0; n < kGroups / 2; ++n) {
      const Fragment<T> b = load_fragment(streamed, 16 * n, chunk, chunks_first(lane));
#pragma unroll
      for (int m = 0; m < kTiles; ++m) {
        multiply(c[m][2 * n], a[m], b, 0);
        multiply(c[m][2 * n + 1], a[m], b, 1);
      }
    }
  }
}

template <int kTiles, int kGroups, class T, int D>
__device__ void add_weighted(float (&acc)[kTiles][D / 8][4], const float (&p)[kTiles][kGroups][4],
                             Tile<T, D> streamed) {
  constexpr int kDepth = Tile<T, D>::kDepth;
#pragma unroll
  for (int k = 0; k < 8 * kGroups; k += kDepth) {
    Fragment<T> a[kTiles];
#pragma unroll
    for (int m = 0; m < kTiles; ++m) a[m] = as_operand<T>(p[m] + k / 8);
#pragma unroll
    for (int n = 0; n < D / 16; ++n) {
      const Fragment<T> b = load_across(streamed, k, 16 * n);
#pragma unroll
      for (int m = 0; m < kTiles; ++m) {
        multiply(acc[m][2 * n], a[m], b, 0);
        multiply(acc[m][2 * n + 1], a[m], b, 1);
      }
    }
  }
}

// 2^x, 0 for -infinity; to 2 units in the last place, and 0 where the result is below 2^-126.
__device__ inline float exp2_of(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}
constexpr float kLog2E = 1.4426950408889634f;

// Calls f(head width that there is a kernel for, at least dim).
template <class F>
void with_width(int64_t dim, F&& f) {
  auto call = [&]<int D>() { f(std::integral_constant<int, D>()); };
  if (dim <= 32) return call.template operator()<32>();
  if (dim <= 64) return call.template operator()<64>();
  if (dim <= 80) return call.template operator()<80>();
  if (dim <= 96) return call.template operator()<96>();
  if (dim <= 128) return call.template operator()<128>();
  throw std::runtime_error("attention: want heads of at most 128 elements on a CUDA device, got " +
                           std::to_string(dim));
}

}  // namespace fovea::kernels::attention_tiles
