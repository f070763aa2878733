// Attention backward on the tensor cores, in three passes and without atomics, so the same bits every time:
//
//   delta_i = sum of y_i dy_i
//   for each block of queries:  dq_i = scale sum_j ds_ij k_j       ds_ij = p_ij (dy_i v_j - delta_i)
//   for each block of keys:     dk_j = scale sum_i ds_ij q_i,      dv_j = sum_i p_ij dy_i
//
// with p_ij = exp(scale q_i k_j - lse_i) made again. The two walks are one kernel: a warp owns rows of two matrices
// (queries and dy, or keys and values) and two others stream past (keys and values, or queries and dy). The second walk
// works on transposed tiles, so that p and ds are left operands there too and never leave the registers. With dropout
// p_ij in dv and dy_i v_j in ds are multiplied by 0 or 1 / (1 - dropout); delta stays what it is.
//
// Seven products where one walk with a dq in memory would take five. Reads y and dy once for delta; then each walk
// reads its own rows once and the others once a block (mostly from the L2 cache); writes dqkv once.
#include <fovea/kernels/device_scratch.h>
#include <fovea/kernels/attention/attention_mask.cuh>

namespace fovea::kernels {
namespace {

using namespace attention_tiles;

// Eight lanes a row of y and dy [batch, tokens, heads, dim], the rows in the order of delta [batch, heads, tokens].
template <class T>
__global__ void delta_kernel(const __grid_constant__ Problem p, const T* y, const T* dy, float* delta) {
  constexpr int kLanes = 8;
  const int64_t rows = p.s.batch * p.s.tokens * p.s.heads;
  const int64_t row = (int64_t(blockIdx.x) * kThreads + threadIdx.x) / kLanes;
  const int lane = threadIdx.x % kLanes;
  float sum = 0;
  if (row < rows) {
    const int64_t head = row / p.s.tokens, token = row % p.s.tokens;
    const Rows<const T> results = p.results(y, head), slopes = p.results(dy, head);
    y = results.first + token * results.stride, dy = slopes.first + token * slopes.stride;
    if (p.packs) {
      for (int64_t d = lane * kPack<T>; d < p.s.dim; d += kLanes * kPack<T>) {
        const auto a = load_pack<kPack<T>>(y + d), b = load_pack<kPack<T>>(dy + d);
#pragma unroll
        for (int k = 0; k < kPack<T>; ++k) sum += to_float(a[k]) * to_float(b[k]);
      }
    } else {
      for (int64_t d = lane; d < p.s.dim; d += kLanes) sum += to_float(y[d]) * to_float(dy[d]);
    }
  }
#pragma unroll
  for (int offset = kLanes / 2; offset > 0; offset /= 2) sum += __shfl_xor_sync(kAllLanes, sum, offset);
  if (row < rows && lane == 0) delta[row] = sum;
}

template <class T, int D, bool kKeys>
struct Backward {
  static constexpr int kTiles = sizeof(T) * D <= 128 ? 2 : 1;
  static constexpr int kWarpRows = 16 * kTiles, kRows = kWarps * kWarpRows;
  static constexpr int kCols = Tile<T, D>::kRowBytes > 256 || (kKeys && kTiles * D == 128) ? 16
                                                                                           : 32;  // as registers allow
  // Own rows, two tiles of each of the two that stream, and with those lse and delta.
  static constexpr size_t kTileBytes = size_t(kCols) * Tile<T, D>::kRowBytes;
  static constexpr size_t kOwnBytes = size_t(kRows) * Tile<T, D>::kRowBytes;
  static constexpr size_t kShared = 2 * kOwnBytes + 4 * kTileBytes + 4 * kCols * sizeof(float);
};

// lse / log 2 and delta of the warp's own queries, from `own` on.
template <int kTiles>
__device__ void load_statistics(const float* lse, const float* delta, int own, int tokens, float (&own_lse)[kTiles][2],
                                float (&own_delta)[kTiles][2]) {
  const int lane = threadIdx.x % kWarp;
#pragma unroll
  for (int m = 0; m < kTiles; ++m)
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int i = own + 16 * m + 8 * half + lane / 4;
      own_lse[m][half] = i < tokens ? lse[i] * kLog2E : 0;
      own_delta[m][half] = i < tokens ? delta[i] : 0;
    }
}

// s = 2^(s - lse / log 2). The queries' lse is `own`, or with kKeys, not divided, `streamed`: one a column of s.
template <bool kKeys, int kTiles, int kGroups>
__device__ void to_probabilities(float (&s)[kTiles][kGroups][4], const float* streamed, const float (&own)[kTiles][2]) {
  const int t = threadIdx.x % 4;
#pragma unroll
  for (int n = 0; n < kGroups; ++n) {
    const float2 at = kKeys ? *reinterpret_cast<const float2*>(streamed + 8 * n + 2 * t) : float2{};
#pragma unroll
    for (int m = 0; m < kTiles; ++m)
#pragma unroll
      for (int k = 0; k < 4; ++k)
        s[m][n][k] = exp2_of(s[m][n][k] - (kKeys ? (k % 2 ? at.y : at.x) * kLog2E : own[m][k / 2]));
  }
}

// ds = p (dp - delta) for p in s and dp in ds, delta in `own` or, with kKeys, in `streamed`.
template <bool kKeys, int kTiles, int kGroups>
__device__ void to_slopes(float (&ds)[kTiles][kGroups][4], const float (&s)[kTiles][kGroups][4], const float* streamed,
                          const float (&own)[kTiles][2]) {
  const int t = threadIdx.x % 4;
#pragma unroll
  for (int n = 0; n < kGroups; ++n) {
    const float2 at = kKeys ? *reinterpret_cast<const float2*>(streamed + 8 * n + 2 * t) : float2{};
#pragma unroll
    for (int m = 0; m < kTiles; ++m)
#pragma unroll
      for (int k = 0; k < 4; ++k)
        ds[m][n][k] = s[m][n][k] * (ds[m][n][k] - (kKeys ? (k % 2 ? at.y : at.x) : own[m][k / 2]));
  }
}

template <class T, int D, bool kKeys, bool kDrop>
__global__ void __launch_bounds__(kThreads, 2)
    gradient_kernel(const __grid_constant__ Problem p, const T* qkv, const float* lse, const float* delta, const T* dy,
                    T* dqkv) {
  using B = Backward<T, D, kKeys>;
  constexpr int kTiles = B::kTiles, kCols = B::kCols;
  extern __shared__ __align__(128) uint8_t shared[];
  const Tile<T, D> own0{reinterpret_cast<T*>(shared)}, own1{reinterpret_cast<T*>(shared + B::kOwnBytes)};
  auto streamed = [&](int step, int which) {
    return Tile<T, D>{reinterpret_cast<T*>(shared + 2 * B::kOwnBytes + (step % 2 * 2 + which) * B::kTileBytes)};
  };
  auto statistic = [&](int step, int which) {
    return reinterpret_cast<float*>(shared + 2 * B::kOwnBytes + 4 * B::kTileBytes) + (step % 2 * 2 + which) * kCols;
  };

  const int tokens = int(p.s.tokens), blocks = ceil_div(tokens, B::kRows), head = int(blockIdx.x) / blocks;
  const int turn = int(blockIdx.x) % blocks, first = (kKeys ? turn : blocks - 1 - turn) * B::kRows;
  const int begin = kKeys && p.s.causal ? first / kCols : 0;
  const int end = ceil_div(!kKeys && p.s.causal ? min(tokens, first + B::kRows) : tokens, kCols);
  lse += int64_t(head) * tokens, delta += int64_t(head) * tokens;
  const Rows<const T> queries = p.projections(qkv, head, 0), keys = p.projections(qkv, head, 1),
                      values = p.projections(qkv, head, 2), slopes = p.results(dy, head);
  auto load = [&](int step) {
    load_rows<kCols>(p, kKeys ? queries : keys, step * kCols, streamed(step, 0));
    load_rows<kCols>(p, kKeys ? slopes : values, step * kCols, streamed(step, 1));
    if (kKeys && threadIdx.x < 2 * kCols) {
      const int which = threadIdx.x / kCols, i = threadIdx.x % kCols, from = step * kCols + i;
      const float* statistics = which ? delta : lse;
      copy_async<4>(statistic(step, which) + i, statistics + (from < tokens ? from : 0), from < tokens ? 4 : 0);
    }
    copy_async_commit();
  };
  load_rows<B::kRows>(p, kKeys ? keys : queries, first, own0);
  load_rows<B::kRows>(p, kKeys ? values : slopes, first, own1);
  load(begin);

  const int row = threadIdx.x / kWarp * B::kWarpRows, own = first + row;
  const uint8_t* mask = p.keys(head);
  const float scale = float(p.s.scale * double(kLog2E));
  float own_lse[kTiles][2] = {}, own_delta[kTiles][2] = {};  // with kKeys the ones of the queries stream
  if constexpr (!kKeys) load_statistics(lse, delta, own, tokens, own_lse, own_delta);
  float acc0[kTiles][D / 8][4] = {}, acc1[kKeys ? kTiles : 1][D / 8][4] = {};

  for (int step = begin; step < end; ++step) {
    copy_async_wait<0>();
    __syncthreads();
    if (step + 1 < end) load(step + 1);
    const int col = step * kCols;
    if (own >= tokens) continue;
    if (p.s.causal && (kKeys ? own > col + kCols - 1 : col > own + B::kWarpRows - 1)) continue;

    float s[kTiles][kCols / 8][4], ds[kTiles][kCols / 8][4];
    own_times_streamed(s, own0, row, streamed(step, 0));
    scale_and_mask<kKeys>(p, mask, own, col, scale, s);
    to_probabilities<kKeys>(s, statistic(step, 0), own_lse);
    own_times_streamed(ds, own1, row, streamed(step, 1));
    if constexpr (kDrop) drop<kKeys>(p.s, head, own, col, ds);
    to_slopes<kKeys>(ds, s, statistic(step, 1), own_delta);
    if constexpr (kKeys) {
      if constexpr (kDrop) drop<kKeys>(p.s, head, own, col, s);
      add_weighted(acc1, s, streamed(step, 1));
    }
    add_weighted(acc0, ds, streamed(step, 0));
  }

  if (own >= tokens) return;
  float factor[kTiles][2], one[kTiles][2];
#pragma unroll
  for (int m = 0; m < kTiles; ++m)
#pragma unroll
    for (int half = 0; half < 2; ++half) factor[m][half] = float(p.s.scale), one[m][half] = 1;
  store_rows(p, acc0, factor, own0, row, p.projections(dqkv, head, kKeys ? 1 : 0), first);
  if constexpr (kKeys) store_rows(p, acc1, one, own1, row, p.projections(dqkv, head, 2), first);
}

}  // namespace

template <class T>
void attention_backward(Cuda& ctx, const Attention& shape, const T* qkv, const T* y, const accumulator_t<T>* lse,
                        const T* dy, T* dqkv) {
  DeviceScratch scratch(ctx);
  const int64_t rows = shape.batch * shape.tokens * shape.heads;
  float* delta = scratch.take<float>(size_t(rows));
  const Problem p{shape, allows_packs<T>(shape.dim, qkv, y, dy, dqkv)};
  launch(ctx, delta_kernel<T>, unsigned(ceil_div<int64_t>(rows * 8, kThreads)), kThreads, 0, p, y, dy, delta);
  with_width(shape.dim, [&](auto width) {
    constexpr int D = decltype(width)::value;
    auto run = [&](auto keys, auto* kernel) {
      using B = Backward<T, D, decltype(keys)::value>;
      const int64_t blocks = shape.batch * shape.heads * ceil_div<int64_t>(shape.tokens, B::kRows);
      launch(ctx, kernel, unsigned(blocks), kThreads, B::kShared, p, qkv, lse, static_cast<const float*>(delta), dy,
             dqkv);
    };
    const bool drop = shape.dropout > 0;
    run(std::true_type(), drop ? gradient_kernel<T, D, true, true> : gradient_kernel<T, D, true, false>);
    run(std::false_type(), drop ? gradient_kernel<T, D, false, true> : gradient_kernel<T, D, false, false>);
  });
}

template void attention_backward<float>(Cuda&, const Attention&, const float*, const float*, const float*, const float*,
                                        float*);
template void attention_backward<bf16>(Cuda&, const Attention&, const bf16*, const bf16*, const float*, const bf16*,
                                       bf16*);

}  // namespace fovea::kernels
