// Batch norm and group norm of x [samples, rows, channels]: batch norm is group norm of one sample, a group a channel.
//
//   forward    moments of blocks of rows; joined into mean and invstd; y = act((x - mean) scale + bias + residual)
//              reads x twice and the residual once, writes y
//   backward   sums of blocks of rows; joined into dweight, dbias and the factors of dx; dx = a g + b (x - mean) + c
//              reads x and dy twice, writes dx; with a residual under a ReLU also reads y and writes dresidual
//
// A thread keeps one pack of neighbouring channels (16 bytes of x) and walks down the rows: what belongs to a channel
// stays in registers, and a warp reads whole lines. Moments are Welford's in f32, so a mean far from zero costs no
// digits. The threads of a block are joined by a tree, blocks in a fixed order in double: no atomics, the same bits
// every time. The second pass goes from the last block to the first, whose x may still be in the L2 cache.
#include <cmath>
#include <limits>

#include <fovea/kernels/device_scratch.h>
#include <fovea/kernels/norm.h>
#include <fovea/kernels/base/norm_columns.cuh>

namespace fovea::kernels {

namespace {

constexpr int kThreads = 256, kGroupThreads = 128;
template <int N>
constexpr int kBlocks = N == 8 ? 2 : 4;  // of a multiprocessor: the registers that a thread may have
constexpr int64_t kRowsPerThread = 8;    // at least, where there are as many: they read their channels' numbers once

// The ReLU's mask: none, where the normalised x is positive, where y is.
enum class Mask { none, from_x, from_y };

// How x is cut: a block takes `lanes` packs of channels in split_rows rows of a sample.
struct Tiles {
  int64_t samples, rows, channels, groups, split_rows;
  unsigned per_group, lanes = 1, tiles, splits;

  Tiles(const Cuda& ctx, int64_t s, int64_t r, int64_t c, int64_t g, int pack)
      : samples(s), rows(r), channels(c), groups(g), per_group(unsigned(c / g)) {
    const int64_t packs = ceil_div<int64_t>(channels, pack);
    while (lanes < packs && lanes < kWarp) lanes *= 2;
    tiles = unsigned(ceil_div<int64_t>(packs, lanes));
    const int64_t wanted = int64_t(ctx.multiprocessors) * 4 / std::max<int64_t>(1, tiles * samples);
    split_rows = std::max(ceil_div(rows, std::max<int64_t>(1, wanted)), kRowsPerThread * (kThreads / lanes));
    splits = unsigned(std::max<int64_t>(1, ceil_div(rows, split_rows)));
  }
  dim3 grid() const { return dim3(unsigned(samples) * splits * tiles); }
  dim3 block() const { return dim3(lanes, kThreads / lanes); }
  size_t partials() const { return size_t(samples) * splits * size_t(channels); }
  __device__ int64_t rows_in(int64_t split) const { return min(split_rows, rows - split * split_rows); }
};

template <class T>
Tiles tiles_of(const Cuda& ctx, const BatchNorm<T>& norm, int pack) {
  return Tiles(ctx, 1, norm.rows, norm.channels, norm.channels, pack);
}
template <class T>
Tiles tiles_of(const Cuda& ctx, const GroupNorm<T>& norm, int pack) {
  return Tiles(ctx, norm.samples, norm.rows, norm.channels, norm.groups, pack);
}

// What a normalisation reads beside x: mean and invstd [samples, groups], weight and bias [channels].
struct Numbers {
  const float *mean, *invstd, *weight, *bias;
};

// A thread's part: N channels from `channel`, rows row, row + blockDim.y, ... below `end`.
template <int N>
struct Place {
  const Tiles& tiles;
  int64_t channel, split, sample, row, end;

  __device__ Place(const Tiles& t, unsigned block) : tiles(t) {
    channel = (int64_t(block % t.tiles) * blockDim.x + threadIdx.x) * N;
    split = block / t.tiles % t.splits;
    sample = block / t.tiles / t.splits;
    row = split * t.split_rows + threadIdx.y;
    end = inside() ? split * t.split_rows + t.rows_in(split) : 0;
  }
  __device__ bool inside() const { return channel < tiles.channels; }
  __device__ int64_t partial() const { return (sample * tiles.splits + split) * tiles.channels + channel; }

  // The channels' numbers in arrays [channels] and [samples, groups].
  __device__ void of_channels(const float* p, float otherwise, float (&out)[N]) const {
    load_floats<N>(p && inside() ? p + channel : nullptr, otherwise, out);
  }
  __device__ void of_groups(const float* p, float (&out)[N]) const {
    if (tiles.per_group == 1) return of_channels(p + sample * tiles.groups, 0, out);
#pragma unroll
    for (int j = 0; j < N; ++j)
      out[j] = inside() ? p[sample * tiles.groups + unsigned(channel + j) / tiles.per_group] : 0;
  }

  // What belongs to the channels: the normalised x is (x - mean) scale + shift.
  __device__ void scale_and_shift(const Numbers& numbers, float (&mean)[N], float (&scale)[N],
                                  float (&shift)[N]) const {
    float weight[N];
    of_groups(numbers.mean, mean);
    of_groups(numbers.invstd, scale);
    of_channels(numbers.weight, 1, weight);
    of_channels(numbers.bias, 0, shift);
#pragma unroll
    for (int j = 0; j < N; ++j) scale[j] *= weight[j];
  }

  // f(offset, packs of `from` there) for every row, several of which are loaded before the first is used.
  template <class T, int Count, class F>
  __device__ void for_rows(const T* const (&from)[Count], const F& f) const {
    constexpr int kRowsAtOnce = Count == 1 && N <= 4 ? 4 : 2;
    for (int64_t first = row; first < end; first += kRowsAtOnce * int64_t(blockDim.y)) {
      Pack<T, N> packs[kRowsAtOnce][Count];
      const int64_t offset = (sample * tiles.rows + first) * tiles.channels + channel;
      const int64_t step = blockDim.y * tiles.channels;
#pragma unroll
      for (int k = 0; k < kRowsAtOnce; ++k)
        if (first + k * int64_t(blockDim.y) < end)
#pragma unroll
          for (int i = 0; i < Count; ++i) packs[k][i] = load_pack<N>(from[i] + offset + k * step);
#pragma unroll
      for (int k = 0; k < kRowsAtOnce; ++k)
        if (first + k * int64_t(blockDim.y) < end) f(offset + k * step, packs[k]);
    }
  }
};

// The moments of `count` values: their mean and the sum of their squared distances from it.
struct Moments {
  float mean = 0, squares = 0;
};
__device__ Moments joined(float count_a, Moments a, float count_b, Moments b) {
  if (count_b == 0) return a;
  const float distance = b.mean - a.mean, part = count_b / (count_a + count_b);
  return {a.mean + distance * part, a.squares + b.squares + distance * distance * count_a * part};
}

template <class T, int N>
__global__ void __launch_bounds__(kThreads, kBlocks<N>)
    moments_kernel(Tiles tiles, const T* x, float* means, float* squares) {
  __shared__ float shared[2][N][kThreads], counts[kThreads];
  const Place<N> at(tiles, blockIdx.x);
  Moments moments[N];
  float count = 0;
  at.for_rows({x}, [&](int64_t, const Pack<T, N>(&v)[1]) {
    count += 1;
    const float part = __fdividef(1.0f, count);
#pragma unroll
    for (int j = 0; j < N; ++j) {
      const float value = to_float(v[0][j]), distance = value - moments[j].mean;
      moments[j].mean += distance * part;
      moments[j].squares += distance * (value - moments[j].mean);
    }
  });
  for (unsigned half = blockDim.y / 2; half > 0; half /= 2) {
    const unsigned place = threadIdx.y % half * blockDim.x + threadIdx.x;
    if (threadIdx.y >= half && threadIdx.y < 2 * half) {
      counts[place] = count;
#pragma unroll
      for (int j = 0; j < N; ++j) shared[0][j][place] = moments[j].mean, shared[1][j][place] = moments[j].squares;
    }
    block_barrier();
    if (threadIdx.y < half) {
#pragma unroll
      for (int j = 0; j < N; ++j)
        moments[j] = joined(count, moments[j], counts[place], {shared[0][j][place], shared[1][j][place]});
      count += counts[place];
    }
    block_barrier();
  }
  if (threadIdx.y == 0 && at.inside()) {
    float mean[N], square[N];
#pragma unroll
    for (int j = 0; j < N; ++j) mean[j] = moments[j].mean, square[j] = moments[j].squares;
    store_floats<N>(means + at.partial(), mean);
    store_floats<N>(squares + at.partial(), square);
  }
}

// Sums over parts (their counts n, means m and squares): n, n (m - pivot), squares + n (m - pivot)^2.
struct MomentSums {
  double values[3] = {};
  __device__ void add(double n, double distance, double squares) {
    values[0] += n;
    values[1] += n * distance;
    values[2] += squares + n * distance * distance;
  }
  __device__ double shift() const { return values[1] / values[0]; }  // of the mean from the pivot
  __device__ double variance() const { return max(0.0, values[2] / values[0] - shift() * shift()); }
};

// Blocks of 32 x 32 threads, for 32 channels each.
__global__ void batch_statistics_kernel(Tiles tiles, BatchNormStatistics<float> out, const float* means,
                                        const float* squares) {
  const int64_t first = int64_t(blockIdx.x) * kWarp;
  int64_t c = first + threadIdx.x;
  MomentSums sums;
  if (c < tiles.channels) {
#pragma unroll 4
    for (int64_t b = threadIdx.y; b < tiles.splits; b += kWarp)
      sums.add(double(tiles.rows_in(b)), double(means[b * tiles.channels + c]) - double(means[c]),
               double(squares[b * tiles.channels + c]));
  }
  sum_over_y(sums.values);
  c = first + threadIdx.y;
  if (threadIdx.x > 0 || c >= tiles.channels) return;
  const double mean = double(means[c]) + sums.shift(), variance = sums.variance(), m = out.momentum;
  out.mean[c] = float(mean);
  out.invstd[c] = float(1 / sqrt(variance + out.eps));
  const double unbiased = variance * double(tiles.rows) / double(tiles.rows - 1);
  if (out.running_mean) out.running_mean[c] = float((1 - m) * double(out.running_mean[c]) + m * mean);
  if (out.running_var) out.running_var[c] = float((1 - m) * double(out.running_var[c]) + m * unbiased);
}

// A block for each group of a sample.
__global__ void group_statistics_kernel(Tiles tiles, double eps, const float* means, const float* squares, float* mean,
                                        float* invstd) {
  __shared__ double shared[3][kGroupThreads / kWarp];
  const int64_t sample = blockIdx.x / tiles.groups, first = blockIdx.x % tiles.groups * tiles.per_group;
  const int64_t start = sample * tiles.splits * tiles.channels + first;
  const double pivot = double(means[start]);
  MomentSums sums;
#pragma unroll 4
  for (int64_t i = threadIdx.x; i < int64_t(tiles.splits) * tiles.per_group; i += kGroupThreads) {
    const int64_t b = i / tiles.per_group, at = start + b * tiles.channels + i % tiles.per_group;
    sums.add(double(tiles.rows_in(b)), double(means[at]) - pivot, double(squares[at]));
  }
#pragma unroll
  for (int i = 0; i < 3; ++i) sums.values[i] = block_reduce<kGroupThreads>(sums.values[i], shared[i]);
  if (threadIdx.x > 0) return;
  mean[blockIdx.x] = float(pivot + sums.shift());
  invstd[blockIdx.x] = float(1 / sqrt(sums.variance() + eps));
}

template <class T, int N, bool Residual>
__global__ void __launch_bounds__(kThreads, kBlocks<N>)
    normalize_kernel(Tiles tiles, Numbers numbers, float floor, const T* x, const T* residual, T* y) {
  __shared__ float shared[3][N][kWarp];
  const Place<N> at(tiles, gridDim.x - 1 - blockIdx.x);
  float mean[N], scale[N], shift[N];
  if (threadIdx.y == 0) at.scale_and_shift(numbers, mean, scale, shift);
  share_columns(shared, mean, scale, shift);
  auto write = [&](int64_t offset, const Pack<T, N>& value, const Pack<T, N>* other) {
    Pack<T, N> out;
#pragma unroll
    for (int j = 0; j < N; ++j) {
      float v = __fmaf_rn(to_float(value[j]) - mean[j], scale[j], shift[j]);
      if constexpr (Residual) v += to_float((*other)[j]);
      out[j] = from_float<T>(v < floor ? floor : v);
    }
    store_pack(y + offset, out);
  };
  if constexpr (Residual)
    at.for_rows({x, residual}, [&](int64_t offset, const Pack<T, N>(&v)[2]) { write(offset, v[0], &v[1]); });
  else
    at.for_rows({x}, [&](int64_t offset, const Pack<T, N>(&v)[1]) { write(offset, v[0], nullptr); });
}

// Of each block of rows, with g = dy under the mask: sum g and sum g (x - mean). With Mask::from_y g goes to `masked`.
template <class T, int N, Mask M>
__global__ void __launch_bounds__(kThreads, kBlocks<N>)
    gradient_sums_kernel(Tiles tiles, Numbers numbers, const T* x, const T* y, const T* dy, T* masked, float* sums,
                         float* moments) {
  __shared__ float numbers_shared[3][N][kWarp], shared[2][N][kThreads];
  const Place<N> at(tiles, blockIdx.x);
  float mean[N], scale[N], shift[N], sum[N] = {}, moment[N] = {};
  if (threadIdx.y == 0) at.scale_and_shift(numbers, mean, scale, shift);
  if constexpr (M == Mask::from_x)
    share_columns(numbers_shared, mean, scale, shift);
  else
    share_columns(numbers_shared, mean);
  auto add = [&](int j, float g, float distance) { sum[j] += g, moment[j] += g * distance; };
  if constexpr (M == Mask::from_y) {
    at.for_rows({x, dy, y}, [&](int64_t offset, const Pack<T, N>(&v)[3]) {
      Pack<T, N> kept;
#pragma unroll
      for (int j = 0; j < N; ++j) {
        const float g = to_float(v[2][j]) > 0 ? to_float(v[1][j]) : 0;
        kept[j] = from_float<T>(g);
        add(j, g, to_float(v[0][j]) - mean[j]);
      }
      store_pack(masked + offset, kept);
    });
  } else {
    at.for_rows({x, dy}, [&](int64_t, const Pack<T, N>(&v)[2]) {
#pragma unroll
      for (int j = 0; j < N; ++j) {
        const float distance = to_float(v[0][j]) - mean[j];
        const bool passes = M == Mask::none || __fmaf_rn(distance, scale[j], shift[j]) > 0;
        add(j, passes ? to_float(v[1][j]) : 0, distance);
      }
    });
  }
  sum_columns(sum, moment, shared);
  if (threadIdx.y == 0 && at.inside()) {
    store_floats<N>(sums + at.partial(), sum);
    store_floats<N>(moments + at.partial(), moment);
  }
}

// dx = a g + b (x - mean) + c with a = weight invstd of the channel, b and c of its group.
template <class T, int N, Mask M>
__global__ void __launch_bounds__(kThreads, kBlocks<N>)
    gradient_rows_kernel(Tiles tiles, Numbers numbers, const float* b, const float* c, const T* x, const T* dy, T* dx) {
  __shared__ float shared[5][N][kWarp];
  const Place<N> at(tiles, gridDim.x - 1 - blockIdx.x);
  float mean[N], scale[N], shift[N], of_distance[N], constant[N];
  if (threadIdx.y == 0) {
    at.scale_and_shift(numbers, mean, scale, shift);
    at.of_groups(b, of_distance);
    at.of_groups(c, constant);
  }
  if constexpr (M == Mask::from_x)
    share_columns(shared, mean, scale, of_distance, constant, shift);
  else
    share_columns(shared, mean, scale, of_distance, constant);
  at.for_rows({x, dy}, [&](int64_t offset, const Pack<T, N>(&v)[2]) {
    Pack<T, N> out;
#pragma unroll
    for (int j = 0; j < N; ++j) {
      const float distance = to_float(v[0][j]) - mean[j];
      const bool passes = M == Mask::none || __fmaf_rn(distance, scale[j], shift[j]) > 0;
      const float g = passes ? to_float(v[1][j]) : 0;
      out[j] = from_float<T>(scale[j] * g + (of_distance[j] * distance + constant[j]));
    }
    store_pack(dx + offset, out);
  });
}

// Batch norm, blocks of 32 x 32 threads for 32 channels each: dweight, dbias, and the factors of dx.
__global__ void batch_gradient_kernel(Tiles tiles, Numbers numbers, bool training, const float* sums,
                                      const float* moments, float* dweight, float* dbias, float* b, float* c) {
  const int64_t first = int64_t(blockIdx.x) * kWarp;
  int64_t channel = first + threadIdx.x;
  double totals[2] = {};
  if (channel < tiles.channels) {
#pragma unroll 4
    for (int64_t i = threadIdx.y; i < tiles.splits; i += kWarp) {
      totals[0] += double(sums[i * tiles.channels + channel]);
      totals[1] += double(moments[i * tiles.channels + channel]);
    }
  }
  sum_over_y(totals);
  channel = first + threadIdx.y;
  if (threadIdx.x > 0 || channel >= tiles.channels) return;
  const double k = double(numbers.invstd[channel]), weight = numbers.weight ? double(numbers.weight[channel]) : 1;
  const double factor = training ? -k * weight / double(tiles.rows) : 0;
  if (dbias) dbias[channel] = float(totals[0]);
  if (dweight) dweight[channel] = float(totals[1] * k);
  b[channel] = float(factor * totals[1] * k * k);
  c[channel] = float(factor * totals[0]);
}

// Group norm, a block for each group of a sample: the totals of its channels, in the place of the sample's first block,
// and the factors of dx.
__global__ void group_gradient_kernel(Tiles tiles, Numbers numbers, float* sums, float* moments, float* b, float* c) {
  __shared__ double shared[2][kGroupThreads / kWarp];
  const int64_t sample = blockIdx.x / tiles.groups, first = blockIdx.x % tiles.groups * tiles.per_group;
  double group_sum = 0, group_moment = 0;
  for (int64_t k = threadIdx.x; k < tiles.per_group; k += kGroupThreads) {
    const int64_t start = sample * tiles.splits * tiles.channels + first + k;
    double sum = 0, moment = 0;
#pragma unroll 4
    for (int64_t i = 0; i < tiles.splits; ++i) {
      sum += double(sums[start + i * tiles.channels]);
      moment += double(moments[start + i * tiles.channels]);
    }
    const double weight = numbers.weight ? double(numbers.weight[first + k]) : 1;
    sums[start] = float(sum);
    moments[start] = float(moment);
    group_sum += weight * sum;
    group_moment += weight * moment;
  }
  group_sum = block_reduce<kGroupThreads>(group_sum, shared[0]);
  group_moment = block_reduce<kGroupThreads>(group_moment, shared[1]);
  if (threadIdx.x > 0) return;
  const double k = double(numbers.invstd[blockIdx.x]), count = double(tiles.rows) * double(tiles.per_group);
  b[blockIdx.x] = float(-k * k * k * group_moment / count);
  c[blockIdx.x] = float(-k * group_sum / count);
}

// Group norm, blocks of 32 x 32 threads for 32 channels each: the samples' totals added up.
__global__ void group_weights_kernel(Tiles tiles, const float* invstd, const float* sums, const float* moments,
                                     float* dweight, float* dbias) {
  const int64_t first = int64_t(blockIdx.x) * kWarp;
  int64_t channel = first + threadIdx.x;
  double totals[2] = {};
  if (channel < tiles.channels) {
#pragma unroll 4
    for (int64_t s = threadIdx.y; s < tiles.samples; s += kWarp) {
      const int64_t at = s * tiles.splits * tiles.channels + channel;
      totals[0] += double(sums[at]);
      totals[1] += double(moments[at]) * double(invstd[s * tiles.groups + channel / tiles.per_group]);
    }
  }
  sum_over_y(totals);
  channel = first + threadIdx.y;
  if (threadIdx.x > 0 || channel >= tiles.channels) return;
  dbias[channel] = float(totals[0]);
  dweight[channel] = float(totals[1]);
}

__global__ void inverse_std_kernel(const float* var, float* invstd, int64_t channels, double eps) {
  const int64_t c = int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
  if (c < channels) invstd[c] = float(1 / sqrt(double(var[c]) + eps));
}

// f.operator()<N>() with the widest pack that channels and pointers allow.
template <class T, class F, class... Pointers>
void with_pack(int64_t channels, const F& f, const Pointers*... pointers) {
  if (allows_packs<T>(channels, pointers...))
    f.template operator()<kPack<T>>();
  else
    f.template operator()<1>();
}

dim3 blocks_of_channels(const Tiles& tiles) {
  return dim3(unsigned(ceil_div<int64_t>(tiles.channels, kWarp)));
}

template <int N, class T>
void normalize(Cuda& ctx, const Tiles& tiles, const Numbers& numbers, bool relu, const T* x, const T* residual, T* y) {
  const float floor = relu ? 0 : -std::numeric_limits<float>::infinity();
  auto kernel = residual ? normalize_kernel<T, N, true> : normalize_kernel<T, N, false>;
  launch(ctx, kernel, tiles.grid(), tiles.block(), 0, tiles, numbers, floor, x, residual, y);
}

}  // namespace

template <class T>
void batch_norm_train(Cuda& ctx, const BatchNorm<T>& norm, const BatchNormStatistics<T>& out, T* y) {
  auto run = [&]<int N>() {
    const Tiles tiles = tiles_of(ctx, norm, N);
    DeviceScratch scratch(ctx);
    float *means = scratch.take<float>(tiles.partials()), *squares = scratch.take<float>(tiles.partials());
    launch(ctx, moments_kernel<T, N>, tiles.grid(), tiles.block(), 0, tiles, norm.x, means, squares);
    const BatchNormStatistics<float> statistics{out.eps,    out.momentum,     out.mean,
                                                out.invstd, out.running_mean, out.running_var};
    launch(ctx, batch_statistics_kernel, blocks_of_channels(tiles), dim3(kWarp, kWarp), 0, tiles, statistics, means,
           squares);
    normalize<N>(ctx, tiles, {out.mean, out.invstd, norm.weight, norm.bias}, norm.relu, norm.x, norm.residual, y);
  };
  with_pack<T>(norm.channels, run, norm.x, norm.residual, norm.weight, norm.bias, out.mean, out.invstd, y);
}

template <class T>
void batch_norm_eval(Cuda& ctx, const BatchNorm<T>& norm, const accumulator_t<T>* mean, const accumulator_t<T>* invstd,
                     T* y) {
  auto run = [&]<int N>() {
    normalize<N>(ctx, tiles_of(ctx, norm, N), {mean, invstd, norm.weight, norm.bias}, norm.relu, norm.x, norm.residual,
                 y);
  };
  with_pack<T>(norm.channels, run, norm.x, norm.residual, norm.weight, norm.bias, mean, invstd, y);
}

template <class A>
void inverse_std(Cuda& ctx, const A* var, A* invstd, int64_t channels, double eps) {
  launch(ctx, inverse_std_kernel, dim3(unsigned(ceil_div<int64_t>(channels, 256))), 256, 0, var, invstd, channels, eps);
}

template <class T>
void batch_norm_backward(Cuda& ctx, const BatchNorm<T>& norm, bool training, const accumulator_t<T>* mean,
                         const accumulator_t<T>* invstd, const T* y, const T* dy,
                         const BatchNormGradients<T>& gradients) {
  const bool from_y = gradients.dresidual != nullptr, from_x = !from_y && norm.relu;
  const Numbers numbers{mean, invstd, norm.weight, norm.bias};
  auto run = [&]<int N>() {
    const Tiles tiles = tiles_of(ctx, norm, N);
    DeviceScratch scratch(ctx);
    float *sums = scratch.take<float>(tiles.partials()), *moments = scratch.take<float>(tiles.partials());
    float *b = scratch.take<float>(size_t(norm.channels)), *c = scratch.take<float>(size_t(norm.channels));
    launch(ctx,
           from_y   ? gradient_sums_kernel<T, N, Mask::from_y>
           : from_x ? gradient_sums_kernel<T, N, Mask::from_x>
                    : gradient_sums_kernel<T, N, Mask::none>,
           tiles.grid(), tiles.block(), 0, tiles, numbers, norm.x, y, dy, gradients.dresidual, sums, moments);
    launch(ctx, batch_gradient_kernel, blocks_of_channels(tiles), dim3(kWarp, kWarp), 0, tiles, numbers, training, sums,
           moments, gradients.dweight, gradients.dbias, b, c);
    if (gradients.dx)
      launch(ctx, from_x ? gradient_rows_kernel<T, N, Mask::from_x> : gradient_rows_kernel<T, N, Mask::none>,
             tiles.grid(), tiles.block(), 0, tiles, numbers, b, c, norm.x, from_y ? gradients.dresidual : dy,
             gradients.dx);
  };
  with_pack<T>(norm.channels, run, norm.x, norm.weight, norm.bias, mean, invstd, from_y ? y : nullptr, dy, gradients.dx,
               gradients.dresidual);
}

template <class T>
void group_norm(Cuda& ctx, const GroupNorm<T>& norm, double eps, T* y, accumulator_t<T>* mean,
                accumulator_t<T>* invstd) {
  auto run = [&]<int N>() {
    const Tiles tiles = tiles_of(ctx, norm, N);
    DeviceScratch scratch(ctx);
    float *means = scratch.take<float>(tiles.partials()), *squares = scratch.take<float>(tiles.partials());
    launch(ctx, moments_kernel<T, N>, tiles.grid(), tiles.block(), 0, tiles, norm.x, means, squares);
    launch(ctx, group_statistics_kernel, dim3(unsigned(norm.samples * norm.groups)), kGroupThreads, 0, tiles, eps,
           means, squares, mean, invstd);
    normalize<N>(ctx, tiles, {mean, invstd, norm.weight, norm.bias}, false, norm.x, static_cast<const T*>(nullptr), y);
  };
  with_pack<T>(norm.channels, run, norm.x, norm.weight, norm.bias, mean, invstd, y);
}

template <class T>
void group_norm_backward(Cuda& ctx, const GroupNorm<T>& norm, const accumulator_t<T>* mean,
                         const accumulator_t<T>* invstd, const T* dy, const LayerNormGradients<T>& gradients) {
  const Numbers numbers{mean, invstd, norm.weight, norm.bias};
  auto run = [&]<int N>() {
    const Tiles tiles = tiles_of(ctx, norm, N);
    const unsigned groups = unsigned(norm.samples * norm.groups);
    DeviceScratch scratch(ctx);
    float *sums = scratch.take<float>(tiles.partials()), *moments = scratch.take<float>(tiles.partials());
    float *b = scratch.take<float>(groups), *c = scratch.take<float>(groups);
    launch(ctx, gradient_sums_kernel<T, N, Mask::none>, tiles.grid(), tiles.block(), 0, tiles, numbers, norm.x,
           static_cast<const T*>(nullptr), dy, static_cast<T*>(nullptr), sums, moments);
    launch(ctx, group_gradient_kernel, dim3(groups), kGroupThreads, 0, tiles, numbers, sums, moments, b, c);
    launch(ctx, group_weights_kernel, blocks_of_channels(tiles), dim3(kWarp, kWarp), 0, tiles, invstd, sums, moments,
           gradients.dweight, gradients.dbias);
    launch(ctx, gradient_rows_kernel<T, N, Mask::none>, tiles.grid(), tiles.block(), 0, tiles, numbers, b, c, norm.x,
           dy, gradients.dx);
  };
  with_pack<T>(norm.channels, run, norm.x, norm.weight, norm.bias, mean, invstd, dy, gradients.dx);
}

#define FOVEA_INSTANTIATE(T)                                                                                          \
  template void batch_norm_train<T>(Cuda&, const BatchNorm<T>&, const BatchNormStatistics<T>&, T*);                   \
  template void batch_norm_eval<T>(Cuda&, const BatchNorm<T>&, const accumulator_t<T>*, const accumulator_t<T>*, T*); \
  template void batch_norm_backward<T>(Cuda&, const BatchNorm<T>&, bool, const accumulator_t<T>*,                     \
                                       const accumulator_t<T>*, const T*, const T*, const BatchNormGradients<T>&);    \
  template void group_norm<T>(Cuda&, const GroupNorm<T>&, double, T*, accumulator_t<T>*, accumulator_t<T>*);          \
  template void group_norm_backward<T>(Cuda&, const GroupNorm<T>&, const accumulator_t<T>*, const accumulator_t<T>*,  \
                                       const T*, const LayerNormGradients<T>&);
FOVEA_INSTANTIATE(float)
FOVEA_INSTANTIATE(bf16)
template void inverse_std<float>(Cuda&, const float*, float*, int64_t, double);

}  // namespace fovea::kernels
