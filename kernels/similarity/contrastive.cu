// The contrastive losses (nt_xent.h, contrast.h) on the streaming core of contrast.cuh: nothing of size N x N.
//
//   forward   a block streams the columns past its rows and keeps, per lane and row, a running maximum and a sum of
//             exponentials in base 2 (SigLIP: a sum of softplus). n^2 dim products.
//   backward  the same tiles are made again, turned into weights d loss / d s_ij in registers, and multiplied with the
//             columns' rows into sums [kRows, 128] that stay in registers. 2 n^2 dim products to 128 dimensions; each
//             further 128 make the similarities once more.
//
// As s is symmetric in its two sides, d loss / d s_ij = softmax over row i + softmax over column j - 2 at the pair: one
// pass gives a side's whole gradient, and no block adds to another's rows. Few rows: the columns are dealt to several
// blocks, whose results are put together in order. Traffic: each block of rows reads the other side once, from L2.
// Memory: 3 floats a row and the parts; backward writes sums [n, dim] in f32 before they become gradients.
#include <algorithm>
#include <cmath>

#include <fovea/kernels/contrastive.h>
#include <fovea/kernels/device_scratch.h>
#include <fovea/kernels/similarity/contrastive.cuh>

namespace fovea::kernels {
namespace contrast {
namespace {

enum class Kind {
  one_sided,  // softmax over the columns
  two_sided,  // and over the rows
  sigmoid,
};

constexpr float kLog2e = 1.4426950408889634f, kLn2 = 0.6931471805599453f;
constexpr float kLowest = -1e30f;  // below every logit, and finite: differences of tops are never NaN

__device__ float exp2_fast(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

// softplus and logistic of x = v ln 2.
__device__ float softplus(float v) {
  float e = exp2_fast(-fabsf(v));  // log(1 + e) loses e's last digits where e is small
  float log = e < 0.03125f ? e * (1 - e * (0.5f - e * (1.0f / 3 - e * 0.25f))) : kLn2 * __log2f(1 + e);
  return fmaxf(v, 0.0f) * kLn2 + log;
}
__device__ float logistic(float v) {
  return __fdividef(1.0f, 1.0f + exp2_fast(-v));
}

template <class T>
constexpr int kForwardTiles = sizeof(T) == 2 ? 2 : 1;

// parts[split][row] = (maximum in base 2, sum of 2^(v - maximum)), or (0, sum of softplus).
template <Kind kKind, class T>
__global__ void __launch_bounds__(kThreads, 2) forward_kernel(const Stream<T> s, float2* parts) {
  constexpr int kTiles = kForwardTiles<T>;
  using Core = Streamer<T, kTiles>;
  extern __shared__ uint4 shared[];
  Core core(s, shared, int(ceil_div<int64_t>(s.x.dim, kDepth)) - 1);
  float scale[kTiles][2], top[kTiles][2], sum[kTiles][2], bias = s.logit.bias() * kLog2e;
#pragma unroll
  for (int m = 0; m < kTiles; ++m)
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      int64_t row = core.row(m, h);
      scale[m][h] = row < s.x.count ? s.x.inverse[row] * s.logit.factor() * kLog2e : 0;
      top[m][h] = kLowest, sum[m][h] = 0;
    }
  int t = threadIdx.x % 4;
  core.run([&](auto& tile, int64_t first, const float* inverse, const float*, const uint4*, bool special) {
    auto add = [&]<bool kSpecial>() {
#pragma unroll
      for (int m = 0; m < kTiles; ++m)
#pragma unroll
        for (int h = 0; h < 2; ++h) {
          float most = kLowest, some = 0, v[Core::kColTiles * 2];
          [[maybe_unused]] int64_t row = core.row(m, h), positive = kSpecial ? s.pairing.positive(row) : 0;
#pragma unroll
          for (int i = 0; i < Core::kColTiles * 2; ++i) {
            int at = i / 2 * 8 + 2 * t + i % 2;
            v[i] = tile[m][i / 2][2 * h + i % 2] * scale[m][h] * inverse[at] + (kKind == Kind::sigmoid ? bias : 0);
            if constexpr (kSpecial) {
              int64_t col = first + at;
              if constexpr (kKind == Kind::sigmoid) {
                if (col == positive) v[i] = -v[i];
              } else {
                if (s.pairing.excluded(row, col)) v[i] = -INFINITY;
              }
              if (col >= s.y.count) v[i] = -INFINITY;
            }
            most = fmaxf(most, v[i]);
          }
          if constexpr (kKind == Kind::sigmoid) {
#pragma unroll
            for (float value : v) some += softplus(value);
          } else {
            if (most > top[m][h]) {
              sum[m][h] *= exp2_fast(top[m][h] - most);
              top[m][h] = most;
            }
#pragma unroll
            for (float value : v) some += exp2_fast(value - top[m][h]);
          }
          sum[m][h] += some;
        }
    };
    if (special)
      add.template operator()<true>();
    else
      add.template operator()<false>();
  });
#pragma unroll
  for (int m = 0; m < kTiles; ++m)
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      float most = top[m][h];
      for (int offset = 1; offset < 4; offset *= 2) most = fmaxf(most, __shfl_xor_sync(kAllLanes, most, offset));
      float total = sum[m][h] * exp2_fast(top[m][h] - most);
      for (int offset = 1; offset < 4; offset *= 2) total += __shfl_xor_sync(kAllLanes, total, offset);
      int64_t row = core.row(m, h);
      if (t == 0 && row < s.x.count) parts[blockIdx.y * s.x.count + row] = {kKind == Kind::sigmoid ? 0 : most, total};
    }
}

// parts[split][row][pitch] = sums over the columns of weight_ij y_j / |y_j|, for the chunk blockIdx.z of dimensions;
// weights[split][row]: sums of the weights (sigmoid only).
template <Kind kKind, class T>
__global__ void __launch_bounds__(kThreads, 2)
    backward_kernel(const Stream<T> s, float* parts, int64_t pitch, float* weights) {
  using Core = Streamer<T, 1>;
  extern __shared__ uint4 shared[];
  int chunk = int(blockIdx.z), t = threadIdx.x % 4;
  Core core(s, shared, chunk);
  int steps = core.steps(chunk);
  float scale[2], lse[2], all[2] = {}, sum[16][4] = {}, bias = s.logit.bias() * kLog2e;
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    int64_t row = core.row(0, h);
    bool inside = row < s.x.count;
    scale[h] = inside ? s.x.inverse[row] * s.logit.factor() * kLog2e : 0;
    lse[h] = inside && kKind != Kind::sigmoid ? s.x.shift[row] * kLog2e : 0;
  }
  core.run([&](auto& tile, int64_t first, const float* inverse, const float* col_lse, const uint4* y, bool special) {
    auto weigh = [&]<bool kSpecial>() {
#pragma unroll
      for (int h = 0; h < 2; ++h) {
        [[maybe_unused]] int64_t row = core.row(0, h), positive = kSpecial ? s.pairing.positive(row) : 0;
#pragma unroll
        for (int i = 0; i < Core::kColTiles * 2; ++i) {
          int at = i / 2 * 8 + 2 * t + i % 2;
          float &w = tile[0][i / 2][2 * h + i % 2], v = w * scale[h] * inverse[at];
          if constexpr (kKind == Kind::sigmoid) {
            w = logistic(v + bias);
          } else {
            w = exp2_fast(v - lse[h]);
            if constexpr (kKind == Kind::two_sided) w += exp2_fast(v - col_lse[at] * kLog2e);
          }
          if constexpr (kSpecial) {
            int64_t col = first + at;
            if (s.pairing.excluded(row, col) || col >= s.y.count) w = 0;
            if (col == positive) w = kKind == Kind::sigmoid ? -logistic(-v - bias) : w - 2 * s.pairing.weight_of(row);
          }
          if constexpr (kKind == Kind::sigmoid) all[h] += w;
          w *= inverse[at];
        }
      }
    };
    if (special)
      weigh.template operator()<true>();
    else
      weigh.template operator()<false>();
    accumulate<T>(tile[0], y, steps, sum);
  });
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    int64_t row = core.row(0, h), place = blockIdx.y * s.x.count + row;
    if constexpr (kKind == Kind::sigmoid) {
      for (int offset = 1; offset < 4; offset *= 2) all[h] += __shfl_xor_sync(kAllLanes, all[h], offset);
      if (t == 0 && chunk == 0 && row < s.x.count) weights[place] = all[h];
    }
    if (row >= s.x.count) continue;
    float* out = parts + place * pitch + int64_t(chunk) * kDepth + 2 * t;
#pragma unroll
    for (int n = 0; n < 16; ++n)
      if (n * 8 < steps * Core::kStep) *reinterpret_cast<float2*>(out + n * 8) = {sum[n][2 * h], sum[n][2 * h + 1]};
  }
}

// A warp a row in everything below.
__device__ int64_t warp_row() {
  return (int64_t(blockIdx.x) * blockDim.x + threadIdx.x) / kWarp;
}
template <class... Parameters, class... Arguments>
void launch_rows(Cuda& ctx, void (*kernel)(Parameters...), int64_t rows, Arguments&&... arguments) {
  launch(ctx, kernel, unsigned(ceil_div<int64_t>(rows, 8)), 256, 0, std::forward<Arguments>(arguments)...);
}

template <class T>
__global__ void inverse_norms_kernel(Side<T> side, float* inverse) {
  int64_t r = warp_row();
  if (r >= side.count) return;
  const T* row = side.row(r);
  float squares = 0;
  for (int64_t d = threadIdx.x % kWarp; d < side.dim; d += kWarp) squares += to_float(row[d]) * to_float(row[d]);
  squares = warp_reduce(squares);
  if (threadIdx.x % kWarp == 0) inverse[r] = 1 / fmaxf(sqrtf(squares), 1e-12f);
}

template <class T>
__device__ float row_cosine(const Side<T>& a, int64_t i, const Side<T>& b, int64_t j) {
  const T *x = a.row(i), *y = b.row(j);
  float dot = 0;
  for (int64_t d = threadIdx.x % kWarp; d < a.dim; d += kWarp) dot += to_float(x[d]) * to_float(y[d]);
  return warp_reduce(dot) * a.inverse[i] * b.inverse[j];
}

// The rows' log-sums and losses from the parts. InfoNCE's positives are the rows of `key` and join the sums.
template <bool kKeys, class T>
__global__ void finish_softmax_kernel(Stream<T> s, Side<T> key, const float2* parts, int splits, float* lse,
                                      float* losses) {
  int64_t r = warp_row();
  if (r >= s.x.count) return;
  float top = kLowest, sum = 0;
  auto join = [&](float other_top, float other_sum) {
    float most = fmaxf(top, other_top);
    sum = sum * exp2_fast(top - most) + other_sum * exp2_fast(other_top - most);
    top = most;
  };
  for (int i = 0; i < splits; ++i) {
    float2 part = parts[i * s.x.count + r];
    join(part.x, part.y);
  }
  float positive =
      s.logit.factor() * (kKeys ? row_cosine(s.x, r, key, r) : row_cosine(s.x, r, s.y, s.pairing.positive(r)));
  if constexpr (kKeys) join(positive * kLog2e, 1);
  float total = kLn2 * top + logf(sum);
  if (threadIdx.x % kWarp != 0) return;
  lse[r] = total;
  losses[r] = total - s.pairing.weight_of(r) * positive;
}
__global__ void finish_sigmoid_kernel(int64_t rows, const float2* parts, int splits, float* losses) {
  for (int64_t r = int64_t(blockIdx.x) * blockDim.x + threadIdx.x; r < rows; r += int64_t(gridDim.x) * blockDim.x) {
    float total = 0;
    for (int i = 0; i < splits; ++i) total += parts[i * rows + r].y;
    losses[r] = total;
  }
}

// dx = (g - u (u g)) / |x| with u = x / |x| and g = factor * the sum of the parts; dots[row], where wanted: u times
// that sum. InfoNCE: g takes the positive's share, and dkey is made beside it.
template <bool kKeys, class T>
__global__ void finish_backward_kernel(Stream<T> s, Side<T> key, float* parts, int64_t pitch, int splits,
                                       const float* dy, float factor, T* dx, T* dx_second, T* dkey, float* dots) {
  int64_t r = warp_row();
  if (r >= s.x.count) return;
  int lane = threadIdx.x % kWarp;
  const T *x = s.x.row(r), *k = kKeys ? key.row(r) : nullptr;
  float inverse = s.x.inverse[r], dot = 0, share = 0, cosine = 0, *sum = parts + r * pitch;
  if constexpr (kKeys) {
    cosine = row_cosine(s.x, r, key, r);
    share = expf(s.logit.factor() * cosine - s.x.shift[r]) - 1;
  }
  for (int64_t d = lane; d < s.x.dim; d += kWarp) {
    float g = 0;
    for (int i = 0; i < splits; ++i) g += sum[i * s.x.count * pitch + d];
    if constexpr (kKeys) g += share * to_float(k[d]) * key.inverse[r];
    sum[d] = g;
    dot += g * to_float(x[d]) * inverse;
  }
  dot = warp_reduce(dot);
  if (dots && lane == 0) dots[r] = dot;
  float outer = factor * *dy * s.logit.factor();
  T* to = r < s.x.split ? dx : dx_second;
  if (to)
    for (int64_t d = lane, at = r < s.x.split ? r : r - s.x.split; d < s.x.dim; d += kWarp)
      to[at * s.x.dim + d] = from_float<T>(outer * (sum[d] - to_float(x[d]) * inverse * dot) * inverse);
  if constexpr (kKeys) {
    if (!dkey) return;
    float own = key.inverse[r];
    for (int64_t d = lane; d < s.x.dim; d += kWarp)
      dkey[r * s.x.dim + d] =
          from_float<T>(outer * share * (to_float(x[d]) * inverse - to_float(k[d]) * own * cosine) * own);
  }
}

// out = factor (* *dy) (* scale) * the sum of n values, by one block in a fixed order.
__global__ void __launch_bounds__(1024)
    sum_kernel(const float* values, int64_t n, double factor, const float* dy, Logit logit, float* out) {
  __shared__ double shared[kWarp];
  double total = 0;
  for (int64_t i = threadIdx.x; i < n; i += 1024) total += values[i];
  total = block_reduce<1024>(total, shared);
  if (threadIdx.x == 0) *out = float(total * factor * (dy ? *dy : 1)) * logit.factor();
}
void sum_of(Cuda& ctx, const float* values, int64_t n, double factor, const float* dy, Logit logit, float* out) {
  launch(ctx, sum_kernel, 1, 1024, 0, values, n, factor, dy, logit, out);
}

template <class T>
Side<T> side_of(Cuda& ctx, DeviceScratch& scratch, const T* first, const T* second, int64_t split, int64_t count,
                int64_t dim, const float* lse = nullptr) {
  float* inverse = scratch.take<float>(size_t(count));
  Side<T> side{first, second, split, count, dim, inverse, lse};
  launch_rows(ctx, inverse_norms_kernel<T>, count, side, inverse);
  return side;
}
template <class T>
Side<T> side_of(Cuda& ctx, DeviceScratch& scratch, const T* rows, int64_t count, int64_t dim,
                const float* lse = nullptr) {
  return side_of(ctx, scratch, rows, rows, count, count, dim, lse);
}

// Deals the columns to `splits` blocks a row: enough to fill the device three times over.
template <class Core, class T>
int deal(const Cuda& ctx, Stream<T>& s, int64_t chunks) {
  int64_t tiles = ceil_div<int64_t>(s.y.count, Core::kCols),
          blocks = ceil_div<int64_t>(s.x.count, Core::kRows) * chunks;
  int64_t splits = std::clamp<int64_t>(ceil_div<int64_t>(3 * ctx.multiprocessors, blocks), 1, tiles);
  s.tiles = int(ceil_div(tiles, splits));
  s.aligned = allows_packs<T>(s.x.dim, s.x.first, s.x.second, s.y.first, s.y.second);
  return int(ceil_div<int64_t>(tiles, s.tiles));
}

struct ForwardParts {
  float2* parts;
  int splits;
};
template <Kind kKind, class T>
ForwardParts forward(Cuda& ctx, DeviceScratch& scratch, Stream<T>& s) {
  using Core = Streamer<T, kForwardTiles<T>>;
  int splits = deal<Core>(ctx, s, 1);
  float2* parts = scratch.take<float2>(size_t(splits * s.x.count));
  launch(ctx, forward_kernel<kKind, T>, dim3(unsigned(ceil_div<int64_t>(s.x.count, Core::kRows)), unsigned(splits)),
         kThreads, Core::shared_bytes(s.x.dim), s, parts);
  return {parts, splits};
}

// What a loss wants of a backward pass over the rows of one side.
template <class T>
struct Wanted {
  T *dx = nullptr, *dx_second = nullptr;  // for the rows of Side::first and second
  Side<T> key{};                          // InfoNCE
  T* dkey = nullptr;
  float *dlog_scale = nullptr, *dbias = nullptr;
};
template <Kind kKind, class T>
void backward(Cuda& ctx, Stream<T> s, const float* dy, double factor, const Wanted<T>& wanted) {
  using Core = Streamer<T, 1>;
  constexpr bool kKeys = kKind == Kind::one_sided;
  DeviceScratch scratch(ctx);
  int64_t chunks = ceil_div<int64_t>(s.x.dim, kDepth), pitch = ceil_div<int64_t>(s.x.dim, 16) * 16;
  int splits = deal<Core>(ctx, s, chunks);
  float* parts = scratch.take<float>(size_t(splits * s.x.count * pitch));
  float* weights = kKind == Kind::sigmoid ? scratch.take<float>(size_t(splits * s.x.count)) : nullptr;
  float* dots = wanted.dlog_scale ? scratch.take<float>(size_t(s.x.count)) : nullptr;
  dim3 grid(unsigned(ceil_div<int64_t>(s.x.count, Core::kRows)), unsigned(splits), unsigned(chunks));
  launch(ctx, backward_kernel<kKind, T>, grid, kThreads, Core::shared_bytes(s.x.dim), s, parts, pitch, weights);
  launch_rows(ctx, finish_backward_kernel<kKeys, T>, s.x.count, s, wanted.key, parts, pitch, splits, dy, float(factor),
              wanted.dx, wanted.dx_second, wanted.dkey, dots);
  if (dots) sum_of(ctx, dots, s.x.count, factor, dy, s.logit, wanted.dlog_scale);
  if (wanted.dbias) sum_of(ctx, weights, splits * s.x.count, factor, dy, Logit{}, wanted.dbias);
}

// NT-Xent and DCL: both views on both sides.
template <class T>
Stream<T> both_views(Cuda& ctx, DeviceScratch& scratch, NtXent shape, const T* z0, const T* z1, const float* lse) {
  Side<T> all = side_of(ctx, scratch, z0, z1, shape.pairs, 2 * shape.pairs, shape.dim, lse);
  Pairing pairing{.shift = shape.pairs, .count = 2 * shape.pairs, .without_self = true, .pairs = shape.pairs};
  return {all, all, pairing, Logit{float(1 / shape.temperature)}, 0, false};
}
template <class T>
void two_views(Cuda& ctx, Stream<T>& s, DeviceScratch& scratch, float* loss, float* lse) {
  float* losses = scratch.take<float>(size_t(s.x.count));
  auto [parts, splits] = forward<Kind::one_sided>(ctx, scratch, s);
  launch_rows(ctx, finish_softmax_kernel<false, T>, s.x.count, s, Side<T>{}, parts, splits, lse, losses);
  sum_of(ctx, losses, s.x.count, 1 / double(s.x.count), nullptr, Logit{}, loss);
}

// CLIP and SigLIP: x against y.
template <class T>
Stream<T> towers(const Side<T>& x, const Side<T>& y, const float* log_scale, const float* bias = nullptr) {
  return {x, y, Pairing{.shift = 0, .count = y.count, .pairs = y.count}, Logit{1, log_scale, bias}, 0, false};
}

template <class T>
Stream<T> against_queue(Cuda& ctx, DeviceScratch& scratch, InfoNce shape, const T* query, const T* queue,
                        const float* lse) {
  return {side_of(ctx, scratch, query, shape.queries, shape.dim, lse),
          side_of(ctx, scratch, queue, shape.negatives, shape.dim),
          Pairing{},
          Logit{float(1 / shape.temperature)},
          0,
          false};
}

}  // namespace
}  // namespace contrast

using namespace contrast;

template <class T>
void nt_xent(Cuda& ctx, NtXent shape, const T* z0, const T* z1, accumulator_t<T>* loss, accumulator_t<T>* lse) {
  DeviceScratch scratch(ctx);
  Stream<T> s = both_views(ctx, scratch, shape, z0, z1, nullptr);
  two_views(ctx, s, scratch, loss, lse);
}
template <class T>
void nt_xent_backward(Cuda& ctx, NtXent shape, const T* z0, const T* z1, const accumulator_t<T>* lse,
                      const accumulator_t<T>* dy, T* dz0, T* dz1) {
  DeviceScratch scratch(ctx);
  backward<Kind::two_sided>(ctx, both_views(ctx, scratch, shape, z0, z1, lse), dy, 0.5 / double(shape.pairs),
                            Wanted<T>{dz0, dz1});
}

template <class T>
void dcl(Cuda& ctx, NtXent shape, const T* z0, const T* z1, const accumulator_t<T>* weight, accumulator_t<T>* loss,
         accumulator_t<T>* lse) {
  DeviceScratch scratch(ctx);
  Stream<T> s = both_views(ctx, scratch, shape, z0, z1, nullptr);
  s.pairing.without_positive = true, s.pairing.weight = weight;
  two_views(ctx, s, scratch, loss, lse);
}
template <class T>
void dcl_backward(Cuda& ctx, NtXent shape, const T* z0, const T* z1, const accumulator_t<T>* weight,
                  const accumulator_t<T>* lse, const accumulator_t<T>* dy, T* dz0, T* dz1) {
  DeviceScratch scratch(ctx);
  Stream<T> s = both_views(ctx, scratch, shape, z0, z1, lse);
  s.pairing.without_positive = true, s.pairing.weight = weight;
  backward<Kind::two_sided>(ctx, s, dy, 0.5 / double(shape.pairs), Wanted<T>{dz0, dz1});
}

template <class T>
void info_nce(Cuda& ctx, InfoNce shape, const T* query, const T* key, const T* queue, accumulator_t<T>* loss,
              accumulator_t<T>* lse) {
  DeviceScratch scratch(ctx);
  Stream<T> s = against_queue(ctx, scratch, shape, query, queue, nullptr);
  Side<T> keys = side_of(ctx, scratch, key, shape.queries, shape.dim);
  float* losses = scratch.take<float>(size_t(shape.queries));
  auto [parts, splits] = forward<Kind::one_sided>(ctx, scratch, s);
  launch_rows(ctx, finish_softmax_kernel<true, T>, shape.queries, s, keys, parts, splits, lse, losses);
  sum_of(ctx, losses, shape.queries, 1 / double(shape.queries), nullptr, Logit{}, loss);
}
template <class T>
void info_nce_backward(Cuda& ctx, InfoNce shape, const T* query, const T* key, const T* queue,
                       const accumulator_t<T>* lse, const accumulator_t<T>* dy, T* dquery, T* dkey) {
  DeviceScratch scratch(ctx);
  Stream<T> s = against_queue(ctx, scratch, shape, query, queue, lse);
  Side<T> keys = side_of(ctx, scratch, key, shape.queries, shape.dim);
  backward<Kind::one_sided>(ctx, s, dy, 1 / double(shape.queries), Wanted<T>{dquery, nullptr, keys, dkey});
}

template <class T>
void clip(Cuda& ctx, Towers shape, const T* x, const T* y, const accumulator_t<T>* log_scale, accumulator_t<T>* loss,
          accumulator_t<T>* lse) {
  DeviceScratch scratch(ctx);
  int64_t n = shape.pairs;
  Side<T> sides[] = {side_of(ctx, scratch, x, n, shape.dim), side_of(ctx, scratch, y, n, shape.dim)};
  float* losses = scratch.take<float>(size_t(2 * n));
  for (int i = 0; i < 2; ++i) {
    Stream<T> s = towers(sides[i], sides[1 - i], log_scale);
    auto [parts, splits] = forward<Kind::one_sided>(ctx, scratch, s);
    launch_rows(ctx, finish_softmax_kernel<false, T>, n, s, Side<T>{}, parts, splits, lse + i * n, losses + i * n);
  }
  sum_of(ctx, losses, 2 * n, 0.5 / double(n), nullptr, Logit{}, loss);
}
template <class T>
void clip_backward(Cuda& ctx, Towers shape, const T* x, const T* y, const accumulator_t<T>* log_scale,
                   const accumulator_t<T>* lse, const accumulator_t<T>* dloss, T* dx, T* dy,
                   accumulator_t<T>* dlog_scale) {
  DeviceScratch scratch(ctx);
  int64_t n = shape.pairs;
  Side<T> rows = side_of(ctx, scratch, x, n, shape.dim, lse), cols = side_of(ctx, scratch, y, n, shape.dim, lse + n);
  if (dx || dlog_scale)
    backward<Kind::two_sided>(ctx, towers(rows, cols, log_scale), dloss, 0.5 / double(n),
                              Wanted<T>{.dx = dx, .dlog_scale = dlog_scale});
  if (dy) backward<Kind::two_sided>(ctx, towers(cols, rows, log_scale), dloss, 0.5 / double(n), Wanted<T>{.dx = dy});
}

template <class T>
void siglip(Cuda& ctx, Towers shape, const T* x, const T* y, const accumulator_t<T>* log_scale,
            const accumulator_t<T>* bias, accumulator_t<T>* loss) {
  DeviceScratch scratch(ctx);
  int64_t n = shape.pairs;
  Stream<T> s = towers(side_of(ctx, scratch, x, n, shape.dim), side_of(ctx, scratch, y, n, shape.dim), log_scale, bias);
  auto [parts, splits] = forward<Kind::sigmoid>(ctx, scratch, s);
  float* losses = scratch.take<float>(size_t(n));
  launch(ctx, finish_sigmoid_kernel, grid_for(ctx, n, 256), 256, 0, n, parts, splits, losses);
  sum_of(ctx, losses, n, 1 / double(n), nullptr, Logit{}, loss);
}
template <class T>
void siglip_backward(Cuda& ctx, Towers shape, const T* x, const T* y, const accumulator_t<T>* log_scale,
                     const accumulator_t<T>* bias, const accumulator_t<T>* dloss, T* dx, T* dy,
                     accumulator_t<T>* dlog_scale, accumulator_t<T>* dbias) {
  DeviceScratch scratch(ctx);
  int64_t n = shape.pairs;
  Side<T> rows = side_of(ctx, scratch, x, n, shape.dim), cols = side_of(ctx, scratch, y, n, shape.dim);
  if (dx || dlog_scale || dbias)
    backward<Kind::sigmoid>(ctx, towers(rows, cols, log_scale, bias), dloss, 1 / double(n),
                            Wanted<T>{.dx = dx, .dlog_scale = dlog_scale, .dbias = dbias});
  if (dy) backward<Kind::sigmoid>(ctx, towers(cols, rows, log_scale, bias), dloss, 1 / double(n), Wanted<T>{.dx = dy});
}

#define FOVEA_INSTANTIATE(T)                                                                                          \
  template void nt_xent<T>(Cuda&, NtXent, const T*, const T*, float*, float*);                                        \
  template void nt_xent_backward<T>(Cuda&, NtXent, const T*, const T*, const float*, const float*, T*, T*);           \
  template void dcl<T>(Cuda&, NtXent, const T*, const T*, const float*, float*, float*);                              \
  template void dcl_backward<T>(Cuda&, NtXent, const T*, const T*, const float*, const float*, const float*, T*, T*); \
  template void info_nce<T>(Cuda&, InfoNce, const T*, const T*, const T*, float*, float*);                            \
  template void info_nce_backward<T>(Cuda&, InfoNce, const T*, const T*, const T*, const float*, const float*, T*,    \
                                     T*);                                                                             \
  template void clip<T>(Cuda&, Towers, const T*, const T*, const float*, float*, float*);                             \
  template void clip_backward<T>(Cuda&, Towers, const T*, const T*, const float*, const float*, const float*, T*, T*, \
                                 float*);                                                                             \
  template void siglip<T>(Cuda&, Towers, const T*, const T*, const float*, const float*, float*);                     \
  template void siglip_backward<T>(Cuda&, Towers, const T*, const T*, const float*, const float*, const float*, T*,   \
                                   T*, float*, float*);
FOVEA_INSTANTIATE(float)
FOVEA_INSTANTIATE(bf16)

}  // namespace fovea::kernels
