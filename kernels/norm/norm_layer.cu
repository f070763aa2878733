// Layer norm of x [rows, cols] in one pass over the rows.
//
//   forward    y = (x - mean) invstd weight + bias                       reads x, writes y
//   backward   dx, and the columns' sums of dy x^ and dy                 reads x and dy, writes dx
//
// A thread keeps at most 8 columns and goes from row to row: their weights, biases and weight gradients stay in
// registers, as does its part of the row between the reduction and the result. 1 to 32 neighbouring lanes share a
// narrow row, whole warps one of more than 256 columns, up to 4096; a block has several rows at once. The next row is
// loaded before the reduction of this one. The columns' sums of the blocks are joined by a second kernel in double, in
// a fixed order. Wider rows are those of group norm with one group.
#include <cmath>

#include <fovea/kernels/device_scratch.h>
#include <fovea/kernels/norm.h>
#include <fovea/kernels/base/norm_columns.cuh>

namespace fovea::kernels {

namespace {

constexpr int kColumns = 8;  // a thread's
// A block's threads, and those that a multiprocessor has registers for.
constexpr int kThreads = 512, kResident = 1024, kGradientThreads = 256, kGradientResident = 640;
constexpr int64_t kWidest = kThreads * kColumns;

// How rows are shared out: blocks of `lanes` x `rows_at_once` threads, each thread with packs of N columns.
struct Shares {
  static constexpr int64_t kLeast = 4;  // turns of a block, where every multiprocessor has one: they share the weights
  unsigned lanes = 1, rows_at_once = 1, blocks;

  Shares(const Cuda& ctx, int64_t rows, int64_t cols, int pack, unsigned threads, unsigned resident) {
    const int64_t packs = ceil_div<int64_t>(cols, pack), multiprocessors = ctx.multiprocessors;
    while (lanes < packs && lanes < kWarp) lanes *= 2;
    if (cols > kWarp * kColumns) lanes = unsigned(ceil_div<int64_t>(cols, kWarp * kColumns) * kWarp);
    while (2 * rows_at_once * lanes <= threads) rows_at_once *= 2;
    const int64_t turns = ceil_div<int64_t>(rows, rows_at_once);
    const int64_t room = multiprocessors * std::max(1u, resident / (lanes * rows_at_once));
    blocks = unsigned(std::min({room, turns, std::max(multiprocessors, turns / kLeast)}));
  }
  dim3 block() const { return dim3(lanes, rows_at_once); }
};

// A thread's columns: packs of N, `lanes` packs apart.
template <int N>
struct Columns {
  static constexpr int kPacks = kColumns / N;
  int64_t cols;

  __device__ int64_t at(int k) const { return (int64_t(k) * blockDim.x + threadIdx.x) * N; }
  // The columns' numbers in p; in a block of several rows read once for all.
  __device__ void load(const float* p, float otherwise, float (&shared)[1][kColumns][kThreads / 2],
                       float (&out)[kPacks][N]) const {
    if (threadIdx.y == 0) each([&](int k, int64_t c) { load_floats<N>(p ? p + c : nullptr, otherwise, out[k]); });
    if (blockDim.y > 1) share_columns(shared, reinterpret_cast<float(&)[kColumns]>(out));
  }
  // f(number of the pack, its first column) for those inside.
  template <class F>
  __device__ void each(const F& f) const {
#pragma unroll
    for (int k = 0; k < kPacks; ++k)
      if (at(k) < cols) f(k, at(k));
  }
};

// The sums of a and b over the lanes of a row. Kernels that call it again pass another `shared` each time, in turn.
__device__ float2 row_sums(float a, float b, float2* shared) {
  auto add = [](float2 x, float2 y) { return make_float2(x.x + y.x, x.y + y.y); };
  float2 v = make_float2(a, b);
  for (unsigned offset = min(blockDim.x, unsigned(kWarp)) / 2; offset > 0; offset /= 2)
    v = add(v, make_float2(__shfl_xor_sync(kAllLanes, v.x, offset), __shfl_xor_sync(kAllLanes, v.y, offset)));
  if (blockDim.x <= kWarp) return v;
  const unsigned warps = blockDim.x / kWarp;
  shared += threadIdx.y * warps;
  if (threadIdx.x % kWarp == 0) shared[threadIdx.x / kWarp] = v;
  block_barrier();
  v = shared[0];
  for (unsigned i = 1; i < warps; ++i) v = add(v, shared[i]);
  return v;
}

template <class T, int N>
__global__ void __launch_bounds__(kThreads)
    layer_norm_kernel(LayerNorm<T> norm, float eps, T* y, float* means, float* invstds) {
  using Row = Pack<T, N>[Columns<N>::kPacks];
  __shared__ float2 shared[2][kWarp];
  const Columns<N> columns{norm.cols};
  __shared__ float columns_shared[2][1][kColumns][kThreads / 2];
  float weight[columns.kPacks][N] = {}, bias[columns.kPacks][N] = {};
  columns.load(norm.weight, 1, columns_shared[0], weight);
  columns.load(norm.bias, 0, columns_shared[1], bias);
  auto load = [&](int64_t row, Row& x) {
    if (row < norm.rows) columns.each([&](int k, int64_t c) { x[k] = load_pack<N>(norm.x + row * norm.cols + c); });
  };
  Row x, next;
  const int64_t step = int64_t(gridDim.x) * blockDim.y;
  int64_t row = int64_t(blockIdx.x) * blockDim.y + threadIdx.y;
  load(row, next);
  for (; row - threadIdx.y < norm.rows; row += step) {
    columns.each([&](int k, int64_t) { x[k] = next[k]; });
    load(row + step, next);
    float sum = 0, squares = 0;
    columns.each([&](int k, int64_t) {
#pragma unroll
      for (int j = 0; j < N; ++j) sum += to_float(x[k][j]);
    });
    const float mean = row_sums(sum, 0, shared[0]).x / float(norm.cols);
    columns.each([&](int k, int64_t) {
#pragma unroll
      for (int j = 0; j < N; ++j) squares += (to_float(x[k][j]) - mean) * (to_float(x[k][j]) - mean);
    });
    const float invstd = 1 / sqrtf(row_sums(squares, 0, shared[1]).x / float(norm.cols) + eps);
    if (row >= norm.rows) continue;
    columns.each([&](int k, int64_t c) {
      Pack<T, N> out;
#pragma unroll
      for (int j = 0; j < N; ++j)
        out[j] = from_float<T>((to_float(x[k][j]) - mean) * invstd * weight[k][j] + bias[k][j]);
      store_pack(y + row * norm.cols + c, out);
    });
    if (threadIdx.x == 0) means[row] = mean, invstds[row] = invstd;
  }
}

// dx, and each block's sums of dy x^ and dy over its rows [blocks, cols].
template <class T, int N>
__global__ void __launch_bounds__(kThreads)
    layer_norm_gradient_kernel(LayerNorm<T> norm, const float* means, const float* invstds, const T* dy, T* dx,
                               float* dweights, float* dbiases) {
  constexpr int kPacks = Columns<N>::kPacks;
  using Row = Pack<T, N>[kPacks];
  __shared__ float2 shared[2][kWarp];
  __shared__ float weight_shared[1][kColumns][kThreads / 2], columns_shared[2][kColumns][kGradientThreads / 2];
  const Columns<N> columns{norm.cols};
  float weight[kPacks][N] = {}, dweight[kPacks][N] = {}, dbias[kPacks][N] = {};
  columns.load(norm.weight, 1, weight_shared, weight);
  Row x, d, next_x, next_d;
  float mean = 0, invstd = 0, next_mean = 0, next_invstd = 0;
  auto load = [&](int64_t row) {
    if (row >= norm.rows) return;
    columns.each([&](int k, int64_t c) {
      next_x[k] = load_pack<N>(norm.x + row * norm.cols + c);
      next_d[k] = load_pack<N>(dy + row * norm.cols + c);
    });
    next_mean = means[row], next_invstd = invstds[row];
  };
  const int64_t step = int64_t(gridDim.x) * blockDim.y;
  int64_t row = int64_t(blockIdx.x) * blockDim.y + threadIdx.y;
  load(row);
  for (int turn = 0; row - threadIdx.y < norm.rows; row += step, turn ^= 1) {
    columns.each([&](int k, int64_t) { x[k] = next_x[k], d[k] = next_d[k]; });
    mean = next_mean, invstd = next_invstd;
    load(row + step);
    float sum = 0, moment = 0;
    if (row < norm.rows)
      columns.each([&](int k, int64_t) {
#pragma unroll
        for (int j = 0; j < N; ++j) {
          const float normed = (to_float(x[k][j]) - mean) * invstd, g = to_float(d[k][j]);
          sum += g * weight[k][j];
          moment += g * weight[k][j] * normed;
          dweight[k][j] += g * normed;
          dbias[k][j] += g;
        }
      });
    const float2 sums = row_sums(sum, moment, shared[turn]);
    if (row >= norm.rows) continue;
    const float mean_g = sums.x / float(norm.cols), mean_moment = sums.y / float(norm.cols);
    columns.each([&](int k, int64_t c) {
      Pack<T, N> out;
#pragma unroll
      for (int j = 0; j < N; ++j) {
        const float normed = (to_float(x[k][j]) - mean) * invstd;
        out[j] = from_float<T>(invstd * (to_float(d[k][j]) * weight[k][j] - mean_g - normed * mean_moment));
      }
      store_pack(dx + row * norm.cols + c, out);
    });
  }
  if (blockDim.y > 1)
    sum_columns(reinterpret_cast<float(&)[kColumns]>(dweight), reinterpret_cast<float(&)[kColumns]>(dbias),
                columns_shared);
  if (threadIdx.y > 0) return;
  columns.each([&](int k, int64_t c) {
    store_floats<N>(dweights + blockIdx.x * norm.cols + c, dweight[k]);
    store_floats<N>(dbiases + blockIdx.x * norm.cols + c, dbias[k]);
  });
}

// Blocks of 32 x 32 threads, for 32 columns each.
__global__ void join_weight_gradients_kernel(int64_t blocks, int64_t cols, const float* dweights, const float* dbiases,
                                             float* dweight, float* dbias) {
  const int64_t first = int64_t(blockIdx.x) * kWarp;
  int64_t c = first + threadIdx.x;
  double totals[2] = {};
  if (c < cols) {
#pragma unroll 4
    for (int64_t b = threadIdx.y; b < blocks; b += kWarp) {
      totals[0] += double(dweights[b * cols + c]);
      totals[1] += double(dbiases[b * cols + c]);
    }
  }
  sum_over_y(totals);
  c = first + threadIdx.y;
  if (threadIdx.x > 0 || c >= cols) return;
  dweight[c] = float(totals[0]);
  dbias[c] = float(totals[1]);
}

template <class T>
GroupNorm<T> as_group_norm(const LayerNorm<T>& norm) {
  return {.samples = norm.rows,
          .rows = 1,
          .channels = norm.cols,
          .groups = 1,
          .x = norm.x,
          .weight = norm.weight,
          .bias = norm.bias};
}

}  // namespace

template <class T>
void layer_norm(Cuda& ctx, const LayerNorm<T>& norm, double eps, T* y, accumulator_t<T>* mean,
                accumulator_t<T>* invstd) {
  if (norm.cols > kWidest) return group_norm(ctx, as_group_norm(norm), eps, y, mean, invstd);
  const bool packs = allows_packs<T>(norm.cols, norm.x, norm.weight, norm.bias, y);
  const Shares shares(ctx, norm.rows, norm.cols, packs ? kPack<T> : 1, kThreads, kResident);
  launch(ctx, packs ? layer_norm_kernel<T, kPack<T>> : layer_norm_kernel<T, 1>, shares.blocks, shares.block(), 0, norm,
         float(eps), y, mean, invstd);
}

template <class T>
void layer_norm_backward(Cuda& ctx, const LayerNorm<T>& norm, const accumulator_t<T>* mean,
                         const accumulator_t<T>* invstd, const T* dy, const LayerNormGradients<T>& gradients) {
  if (norm.cols > kWidest) return group_norm_backward(ctx, as_group_norm(norm), mean, invstd, dy, gradients);
  const bool packs = allows_packs<T>(norm.cols, norm.x, norm.weight, dy, gradients.dx);
  const Shares shares(ctx, norm.rows, norm.cols, packs ? kPack<T> : 1, kGradientThreads, kGradientResident);
  DeviceScratch scratch(ctx);
  float* dweights = scratch.take<float>(size_t(shares.blocks) * size_t(norm.cols));
  float* dbiases = scratch.take<float>(size_t(shares.blocks) * size_t(norm.cols));
  launch(ctx, packs ? layer_norm_gradient_kernel<T, kPack<T>> : layer_norm_gradient_kernel<T, 1>, shares.blocks,
         shares.block(), 0, norm, mean, invstd, dy, gradients.dx, dweights, dbiases);
  launch(ctx, join_weight_gradients_kernel, dim3(unsigned(ceil_div<int64_t>(norm.cols, kWarp))), dim3(kWarp, kWarp), 0,
         int64_t(shares.blocks), norm.cols, dweights, dbiases, gradients.dweight, gradients.dbias);
}

#define FOVEA_INSTANTIATE(T)                                                                                         \
  template void layer_norm<T>(Cuda&, const LayerNorm<T>&, double, T*, accumulator_t<T>*, accumulator_t<T>*);         \
  template void layer_norm_backward<T>(Cuda&, const LayerNorm<T>&, const accumulator_t<T>*, const accumulator_t<T>*, \
                                       const T*, const LayerNormGradients<T>&);
FOVEA_INSTANTIATE(float)
FOVEA_INSTANTIATE(bf16)

}  // namespace fovea::kernels
