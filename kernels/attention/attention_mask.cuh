#pragma once

// Private to kernels/attention*.cu: which logits count, and which probabilities dropout keeps, on a warp's C fragments.
#include <fovea/kernels/attention/attention.cuh>

namespace fovea::kernels::attention_tiles {

// c = scale c, -infinity where not allowed. The rows of c are queries from `row` on and its columns keys from `col` on
// (kKeys: the other way round).
template <bool kKeys, int kTiles, int kGroups>
__device__ void scale_and_mask(const Problem& p, const uint8_t* mask, int row, int col, float scale,
                               float (&c)[kTiles][kGroups][4]) {
  const int queries = kKeys ? col : row, keys = kKeys ? row : col;
  constexpr int cols = kKeys ? 16 * kTiles : 8 * kGroups;
#pragma unroll
  for (int m = 0; m < kTiles; ++m)
#pragma unroll
    for (int n = 0; n < kGroups; ++n)
#pragma unroll
      for (int k = 0; k < 4; ++k) c[m][n][k] *= scale;
  if (!mask && keys + cols <= p.s.tokens && (!p.s.causal || keys + cols - 1 <= queries)) return;
  const int lane = threadIdx.x % kWarp;
#pragma unroll
  for (int n = 0; n < kGroups; ++n)
#pragma unroll
    for (int m = 0; m < kTiles; ++m)
#pragma unroll
      for (int k = 0; k < 4; ++k) {
        const int i = row + 16 * m + 8 * (k / 2) + lane / 4, j = col + 8 * n + 2 * (lane % 4) + k % 2;
        if (!p.allowed(mask, kKeys ? j : i, kKeys ? i : j)) c[m][n][k] = -INFINITY;
      }
}

// c = 0 where dropped, else c / (1 - dropout). The rows of c are queries from `row` on and its columns keys from `col`
// on (kKeys: the other way round).
template <bool kKeys, int kTiles, int kGroups>
__device__ void drop(const Attention& s, int64_t head, int row, int col, float (&c)[kTiles][kGroups][4]) {
  const int lane = threadIdx.x % kWarp;
  const float keep = float(1 - s.dropout), factor = keep > 0 ? 1 / keep : 0;
  // A bit an element, group by group: drawing all groups at once would take too many registers.
  static_assert(4 * kGroups <= 32);
  uint32_t kept[kTiles] = {};
#pragma unroll 1
  for (int turn = 0; turn < 2 * kGroups; ++turn)
#pragma unroll
    for (int m = 0; m < kTiles; ++m) {
      const int i = row + 16 * m + 8 * (turn % 2) + lane / 4, j = col + turn / 2 * 8 + 2 * (lane % 4);
      const Philox4 draw = attention_draw(s, head, kKeys ? j : i, kKeys ? i : j);
      const bool odd = i % 2;
#pragma unroll
      for (int k = 0; k < 2; ++k) {
        const uint32_t word =
            kKeys ? (odd ? draw.word[2 * k + 1] : draw.word[2 * k]) : (odd ? draw.word[2 + k] : draw.word[k]);
        kept[m] = kept[m] >> 1 | uint32_t(uniform_from(word) < keep) << 31;
      }
    }
#pragma unroll
  for (int m = 0; m < kTiles; ++m)
#pragma unroll
    for (int n = 0; n < kGroups; ++n)
#pragma unroll
      for (int k = 0; k < 4; ++k) c[m][n][k] *= kept[m] >> (32 - 4 * kGroups + 4 * n + k) & 1 ? factor : 0;
}

}  // namespace fovea::kernels::attention_tiles
