#pragma once

// Private to kernels/conv_*.cu: what one warp does with its part of a tile of an implicit matrix product, in each of
// three arithmetics, and how the sums leave.
#include <limits>
#include <type_traits>

#include <fovea/kernels/matmul.h>
#include <fovea/kernels/base/cuda_utils.cuh>
#include <fovea/kernels/base/mma.cuh>

namespace fovea::kernels::conv {

// How products are made: f32 by fused multiply-adds; tf32 and bf16 by the tensor cores. All sum in f32.
enum class Math { f32, tf32, bf16 };
template <Math kMath>
using element_t = std::conditional_t<kMath == Math::bf16, bf16, float>;

// Where chunk `chunk` of row `row` lies in a tile of kRows rows that are wider than 128 bytes: panels of 8 chunks, one
// behind the other, each in swizzled rows.
template <int kRows>
__device__ constexpr int in_panels(int row, int chunk) {
  return chunk / 8 * kRows * 8 + swizzled(row, chunk % 8);
}

// kM x kN outputs of one warp. The operands lie in shared memory in swizzled rows of 16-byte chunks (mma.cuh).
template <Math kMath, int kM, int kN>
struct WarpTile {
  static constexpr bool kTensor = kMath != Math::f32;
  static constexpr int kVec = kPack<element_t<kMath>>;
  static_assert(kM % 32 == 0 && kN % 16 == 0);

  // Tensor cores: C fragments of 16 x 8. f32: one sum for each of 8 x 4 lanes.
  float sum[kM / (kTensor ? 16 : 8)][kN / (kTensor ? 8 : 4)][kTensor ? 4 : 1] = {};

  // sum += A B^T: rows of A, from a_row on, and rows of B, from b_row on, run along the reduction, kChunks chunks.
  // f32: a lane has rows lane / 4 + 8 i of A and lane % 4 + 4 j of B, so that eight neighbouring rows of A and four of
  // B are read at once, each from banks of its own.
  template <int kChunks>
  __device__ void add_rows(const uint4* a_tile, const uint4* b_tile, int a_row, int b_row) {
    const int lane = threadIdx.x % kWarp;
    if constexpr (kTensor) {
      const RowChunk at_a = rows_first(lane), at_b = chunks_first(lane);
#pragma unroll
      for (int chunk = 0; chunk < kChunks; chunk += 2) {
        uint32_t a[kM / 16][4], b[kN / 16][4];
#pragma unroll
        for (int i = 0; i < kM / 16; ++i)
          ldmatrix(a[i], a_tile + swizzled<kChunks>(a_row + 16 * i + at_a.row, chunk + at_a.chunk));
#pragma unroll
        for (int j = 0; j < kN / 16; ++j)
          ldmatrix(b[j], b_tile + swizzled<kChunks>(b_row + 16 * j + at_b.row, chunk + at_b.chunk));
        multiply(a, b);
      }
    } else {
      const float4* a_words = reinterpret_cast<const float4*>(a_tile);
      const float4* b_words = reinterpret_cast<const float4*>(b_tile);
#pragma unroll 1
      for (int chunk = 0; chunk < kChunks; ++chunk) {
        float4 a[kM / 8];
#pragma unroll
        for (int i = 0; i < kM / 8; ++i) a[i] = a_words[swizzled<kChunks>(a_row + lane / 4 + 8 * i, chunk)];
#pragma unroll
        for (int j = 0; j < kN / 4; ++j) {
          const float4 b = b_words[swizzled<kChunks>(b_row + lane % 4 + 4 * j, chunk)];
#pragma unroll
          for (int i = 0; i < kM / 8; ++i) {
            float& s = sum[i][j][0];
            s = fmaf(a[i].x, b.x, s);
            s = fmaf(a[i].y, b.y, s);
            s = fmaf(a[i].z, b.z, s);
            s = fmaf(a[i].w, b.w, s);
          }
        }
      }
    }
  }

  // sum += A^T B over kSteps rows of both tiles, which lie in panels (in_panels<kSteps>) and are steps of the
  // reduction; the outputs run along them, from elements a_first and b_first on, multiples of kM and kN. bf16: ldmatrix
  // transposes. tf32: words; the tensor core's k = t and t + 4 are rows 2t and 2t + 8, or 2t + 1 and 2t + 9, of A and B
  // alike: the swizzle spreads them over all banks. f32: a lane has 4 neighbours, from 4 (lane / 4) + 32 i of A and 4
  // (lane % 4) + 16 j of B.
  template <int kSteps>
  __device__ void add_columns(const uint4* a_tile, const uint4* b_tile, int a_first, int b_first) {
    constexpr int kWidth = 8 * kVec, kPanel = kSteps * 8;  // of a panel, in elements; its size in chunks
    static_assert(kM % kWidth == 0 || kWidth % kM == 0);
    static_assert(kN % kWidth == 0 || kWidth % kN == 0);
    const int lane = threadIdx.x % kWarp;
    a_tile += a_first / kWidth * kPanel;
    b_tile += b_first / kWidth * kPanel;
    if constexpr (kMath == Math::bf16) {
      const RowChunk at_a = chunks_first(lane), at_b = rows_first(lane);
      const int a_chunk = a_first % kWidth / kVec + at_a.chunk, b_chunk = b_first % kWidth / kVec + at_b.chunk;
#pragma unroll
      for (int step = 0; step < kSteps; step += 16) {
        uint32_t a[kM / 16][4], b[kN / 16][4];
#pragma unroll
        for (int i = 0; i < kM / 16; ++i) ldmatrix<4, true>(a[i], a_tile + swizzled(step + at_a.row, a_chunk + 2 * i));
#pragma unroll
        for (int j = 0; j < kN / 16; ++j) ldmatrix<4, true>(b[j], b_tile + swizzled(step + at_b.row, b_chunk + 2 * j));
        multiply(a, b);
      }
    } else if constexpr (kMath == Math::tf32) {
      const int g = lane / 4, t = lane % 4;
#pragma unroll
      for (int parity = 0; parity < 2; ++parity) {
        // Of the first rows that this lane reads, columns g, g + 8, g + 16 and g + 24: the rest is at fixed distances.
        int words[4];
#pragma unroll
        for (int e = 0; e < 4; ++e) words[e] = swizzled(2 * t + parity, 2 * e + g / 4) * 4 + g % 4;
        const uint32_t* a_words = reinterpret_cast<const uint32_t*>(a_tile);
        const uint32_t* b_words = reinterpret_cast<const uint32_t*>(b_tile);
#pragma unroll
        for (int step = 0; step < kSteps; step += 16) {
          uint32_t a[kM / 16][4], b[kN / 16][4];
#pragma unroll
          for (int e = 0; e < 4; ++e) {
#pragma unroll
            for (int i = 0; i < kM / 16; ++i)
              a[i][e] = a_words[words[i % 2 * 2 + e % 2] + (step + e / 2 * 8) * 32 + i / 2 * kPanel * 4];
#pragma unroll
            for (int j = 0; j < kN / 16; ++j)
              b[j][e] = b_words[words[j % 2 * 2 + e / 2] + (step + e % 2 * 8) * 32 + j / 2 * kPanel * 4];
          }
          multiply(a, b);
        }
      }
    } else {
#pragma unroll 8
      for (int step = 0; step < kSteps; ++step) {
        Pack<float, 4> a[kM / 32], b[kN / 16];
#pragma unroll
        for (int i = 0; i < kM / 32; ++i)
          a[i] = load_pack<4>(reinterpret_cast<const float*>(a_tile + i * kPanel + swizzled(step, lane / 4)));
#pragma unroll
        for (int j = 0; j < kN / 16; ++j)
          b[j] = load_pack<4>(
              reinterpret_cast<const float*>(b_tile + j / 2 * kPanel + swizzled(step, lane % 4 + j % 2 * 4)));
#pragma unroll
        for (int i = 0; i < kM / 8; ++i)
#pragma unroll
          for (int j = 0; j < kN / 4; ++j) sum[i][j][0] = fmaf(a[i / 4][i % 4], b[j / 4][j % 4], sum[i][j][0]);
      }
    }
  }

  // Writes the sums to the warp's own kM rows of kStagePitch floats in shared memory; kColumns: they came from
  // add_columns. The pitch keeps the lanes of one store apart.
  static constexpr int kStagePitch = kN + (kTensor ? 8 : 4);
  template <bool kColumns>
  __device__ void stage(float* rows) const {
    const int lane = threadIdx.x % kWarp, g = lane / 4, t = lane % 4;
    if constexpr (kTensor) {
#pragma unroll
      for (int i = 0; i < kM / 16; ++i)
#pragma unroll
        for (int j = 0; j < kN / 8; ++j)
#pragma unroll
          for (int half = 0; half < 2; ++half)
            store_pack(rows + (16 * i + 8 * half + g) * kStagePitch + 8 * j + 2 * t,
                       Pack<float, 2>{sum[i][j][2 * half], sum[i][j][2 * half + 1]});
    } else if constexpr (kColumns) {
#pragma unroll
      for (int i = 0; i < kM / 8; ++i)
#pragma unroll
        for (int j = 0; j < kN / 4; j += 4)
          store_pack(rows + (i / 4 * 32 + 4 * g + i % 4) * kStagePitch + 4 * j + 4 * t,
                     Pack<float, 4>{sum[i][j][0], sum[i][j + 1][0], sum[i][j + 2][0], sum[i][j + 3][0]});
    } else {
#pragma unroll
      for (int i = 0; i < kM / 8; ++i)
#pragma unroll
        for (int j = 0; j < kN / 4; ++j) rows[(g + 8 * i) * kStagePitch + t + 4 * j] = sum[i][j][0];
    }
    __syncwarp();
  }

 private:
  __device__ void multiply(uint32_t (&a)[kM / 16][4], uint32_t (&b)[kN / 16][4]) {
    if constexpr (kMath == Math::tf32) {
#pragma unroll
      for (int e = 0; e < 4; ++e) {
#pragma unroll
        for (int i = 0; i < kM / 16; ++i) a[i][e] = to_tf32(a[i][e]);
#pragma unroll
        for (int j = 0; j < kN / 16; ++j) b[j][e] = to_tf32(b[j][e]);
      }
    }
#pragma unroll
    for (int i = 0; i < kM / 16; ++i)
#pragma unroll
      for (int j = 0; j < kN / 8; ++j) {
        if constexpr (kMath == Math::tf32) mma_tf32(sum[i][j], a[i], &b[j / 2][j % 2 * 2]);
        if constexpr (kMath == Math::bf16) mma_bf16(sum[i][j], a[i], &b[j / 2][j % 2 * 2]);
      }
  }
};

// Writes a warp's 16 rows of a warpgroup's wgmma sums (hopper.cuh) to its own rows of kPitch floats in shared memory.
template <int kPitch, int kSums>
__device__ void stage_wgmma(float* rows, const float (&sum)[kSums]) {
  const int lane = threadIdx.x % kWarp;
#pragma unroll
  for (int i = 0; i < kSums; i += 2)
    store_pack(rows + (i / 2 % 2 * 8 + lane / 4) * kPitch + i / 4 * 8 + lane % 4 * 2,
               Pack<float, 2>{sum[i], sum[i + 1]});
  __syncwarp();
}

// A ReLU as a bound from below, which costs those that have none a comparison and no branch. NaN stays NaN.
__host__ __device__ constexpr float least(Epilogue epilogue) {
  return epilogue == Epilogue::relu ? 0.0f : -std::numeric_limits<float>::infinity();
}
__device__ inline float at_least(float least, float x) {
  return x < least ? least : x;
}

// Writes a warp's staged tile: `rows` rows of `columns` valid columns, 16 bytes at once where `packs` says that all
// rows begin and end at multiples of 16 bytes. row(r) is the place of row r's column 0 or null, place(c) the distance
// of column c from there or -1; with packs, neighbouring columns are neighbours there. bias: of column 0, or null;
// least: bounds the sums.
template <int kM, int kN, int kStagePitch, class Out, class Row, class Place>
__device__ void write_staged(const float* staged, bool packs, int columns, const float* bias, float least,
                             const Row& row, const Place& place) {
  const int lane = threadIdx.x % kWarp;
  if (packs) {
    constexpr int kVec = kPack<Out>, kLanes = kN / kVec;
    static_assert(kWarp % kLanes == 0 || kLanes > kWarp);
    const int column = lane % kLanes * kVec;
    if (column >= columns) return;
    Pack<float, kVec> added{};
    if (bias)
#pragma unroll
      for (int e = 0; e < kVec; ++e) added[e] = bias[column + e];
#pragma unroll 4
    for (int r = lane / kLanes; r < kM; r += kWarp / kLanes) {
      Out* to = row(r);
      if (!to) continue;
      const float* from = staged + r * kStagePitch + column;
      Pack<float, kVec> sum;
      if constexpr (kVec == 8) {  // half of a quarter warp begins with its second four: all banks are busy
        const bool turned = lane / 4 % 2;
        const Pack<float, 4> first = load_pack<4>(from + (turned ? 4 : 0)),
                             last = load_pack<4>(from + (turned ? 0 : 4));
#pragma unroll
        for (int e = 0; e < 4; ++e) sum[e] = turned ? last[e] : first[e], sum[e + 4] = turned ? first[e] : last[e];
      } else {
        sum = load_pack<kVec>(from);
      }
      Pack<Out, kVec> out;
#pragma unroll
      for (int e = 0; e < kVec; ++e) out[e] = from_float<Out>(at_least(least, sum[e] + added[e]));
      store_pack(to + place(column), out);
    }
  } else {
    for (int at = lane; at < kM * kN; at += kWarp) {
      const int r = at / kN, column = at % kN;
      const int64_t distance = column < columns ? place(column) : -1;
      Out* to = row(r);
      if (to && distance >= 0)
        to[distance] =
            from_float<Out>(at_least(least, staged[r * kStagePitch + column] + (bias ? bias[column] : 0.0f)));
    }
  }
}

}  // namespace fovea::kernels::conv
