// Attention forward on the tensor cores (Dao et al., 2022, "FlashAttention"; Milakov & Gimelshein, 2018, online
// softmax). A block takes 128 queries of one head, 32 a warp, and walks over the keys a tile at a time:
//
//   s = scale q k^T,   m' = max(m, max s),   p = 2^(s - m'),   l = l 2^(m - m') + sum p,   o = o 2^(m - m') + p v
//
// with s and m in units of log 2, so y = o / l and lse = (m + log2 l) log 2. p stays in registers. Tiles of keys and
// values come by asynchronous copies, the next one while this one is in work; one barrier a tile.
//
// Reads q once, k and v once for every 128 queries (mostly from the L2 cache); writes y and lse. Shared memory: the
// queries, and two tiles of keys and values.
#include <fovea/kernels/attention/attention_mask.cuh>

namespace fovea::kernels {
namespace {

using namespace attention_tiles;

template <class T, int D>
struct Forward {
  static constexpr int kTiles = 2, kWarpRows = 16 * kTiles, kRows = kWarps * kWarpRows;
  static constexpr int kCols = sizeof(T) == 4 ? (D <= 64 ? 32 : 16) : D == 64 ? 64 : 32;  // as registers allow
  static constexpr size_t kShared = size_t(kRows + 4 * kCols) * Tile<T, D>::kRowBytes;
};

// A tile of keys further: s becomes p, and m (top), l (sum) and o (out) of the rows follow. A lane has its part of l.
template <int kTiles, int kGroups, int kOut>
__device__ void online_softmax(float (&s)[kTiles][kGroups][4], float (&top)[kTiles][2], float (&sum)[kTiles][2],
                               float (&out)[kTiles][kOut][4]) {
#pragma unroll
  for (int m = 0; m < kTiles; ++m)
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      float best = top[m][half];
#pragma unroll
      for (int n = 0; n < kGroups; ++n) best = fmaxf(best, fmaxf(s[m][n][2 * half], s[m][n][2 * half + 1]));
      best = fmaxf(best, __shfl_xor_sync(kAllLanes, best, 1));
      best = fmaxf(best, __shfl_xor_sync(kAllLanes, best, 2));
      const float base = best == -INFINITY ? 0 : best, factor = exp2_of(top[m][half] - base);
      top[m][half] = best;
      sum[m][half] *= factor;
#pragma unroll
      for (int n = 0; n < kGroups; ++n)
#pragma unroll
        for (int k = 0; k < 2; ++k) sum[m][half] += s[m][n][2 * half + k] = exp2_of(s[m][n][2 * half + k] - base);
#pragma unroll
      for (int n = 0; n < kOut; ++n) out[m][n][2 * half] *= factor, out[m][n][2 * half + 1] *= factor;
    }
}

template <class T, int D, bool kDrop>
__global__ void __launch_bounds__(kThreads, 2)
    forward_kernel(const __grid_constant__ Problem p, const T* qkv, T* y, float* lse) {
  using F = Forward<T, D>;
  constexpr int kTiles = F::kTiles, kCols = F::kCols;
  extern __shared__ __align__(128) uint8_t shared[];
  const Tile<T, D> queries{reinterpret_cast<T*>(shared)};
  auto streamed = [&](int step, int which) {
    return Tile<T, D>{
        reinterpret_cast<T*>(shared + (F::kRows + (step % 2 * 2 + which) * kCols) * Tile<T, D>::kRowBytes)};
  };
  // Causal blocks with the most keys start first.
  const int tokens = int(p.s.tokens), blocks = ceil_div(tokens, F::kRows), head = int(blockIdx.x) / blocks;
  const int first = (blocks - 1 - int(blockIdx.x) % blocks) * F::kRows;
  const int steps = ceil_div(p.s.causal ? min(tokens, first + F::kRows) : tokens, kCols);
  auto load = [&](int step) {
    load_rows<kCols>(p, p.projections(qkv, head, 1), step * kCols, streamed(step, 0));
    load_rows<kCols>(p, p.projections(qkv, head, 2), step * kCols, streamed(step, 1));
    copy_async_commit();
  };
  load_rows<F::kRows>(p, p.projections(qkv, head, 0), first, queries);
  load(0);

  const int lane = threadIdx.x % kWarp, g = lane / 4, t = lane % 4, row = threadIdx.x / kWarp * F::kWarpRows;
  const int own = first + row;  // the warp's first query
  const uint8_t* mask = p.keys(head);
  const float scale = float(p.s.scale * double(kLog2E));
  float top[kTiles][2], sum[kTiles][2], out[kTiles][D / 8][4] = {};
#pragma unroll
  for (int m = 0; m < kTiles; ++m)
#pragma unroll
    for (int half = 0; half < 2; ++half) top[m][half] = -INFINITY, sum[m][half] = 0;

  for (int step = 0; step < steps; ++step) {
    copy_async_wait<0>();
    __syncthreads();
    if (step + 1 < steps) load(step + 1);
    const int key = step * kCols;
    if (own >= tokens || (p.s.causal && key > own + F::kWarpRows - 1)) continue;

    float s[kTiles][kCols / 8][4];
    own_times_streamed(s, queries, row, streamed(step, 0));
    scale_and_mask<false>(p, mask, own, key, scale, s);
    online_softmax(s, top, sum, out);
    if constexpr (kDrop) drop<false>(p.s, head, own, key, s);
    add_weighted(out, s, streamed(step, 1));
  }

  if (own >= tokens) return;
  float inverse[kTiles][2];
#pragma unroll
  for (int m = 0; m < kTiles; ++m)
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      float total = sum[m][half];
      total += __shfl_xor_sync(kAllLanes, total, 1);
      total += __shfl_xor_sync(kAllLanes, total, 2);
      inverse[m][half] = total > 0 ? 1 / total : 0;
      const int i = own + 16 * m + 8 * half + g;
      if (t == 0 && i < tokens)
        lse[int64_t(head) * tokens + i] = total > 0 ? (top[m][half] + log2f(total)) * (1 / kLog2E) : INFINITY;
    }
  store_rows(p, out, inverse, queries, row, p.results(y, head), first);
}

}  // namespace

template <class T>
void attention(Cuda& ctx, const Attention& shape, const T* qkv, T* y, accumulator_t<T>* lse) {
  const Problem p{shape, allows_packs<T>(shape.dim, qkv, y)};
  with_width(shape.dim, [&](auto width) {
    constexpr int D = decltype(width)::value;
    using F = Forward<T, D>;
    const int64_t blocks = shape.batch * shape.heads * ceil_div<int64_t>(shape.tokens, F::kRows);
    launch(ctx, shape.dropout > 0 ? forward_kernel<T, D, true> : forward_kernel<T, D, false>, unsigned(blocks),
           kThreads, F::kShared, p, qkv, y, lse);
  });
}

template void attention<float>(Cuda&, const Attention&, const float*, float*, float*);
template void attention<bf16>(Cuda&, const Attention&, const bf16*, bf16*, float*);

}  // namespace fovea::kernels
