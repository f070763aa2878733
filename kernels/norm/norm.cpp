#include <fovea/kernels/norm.h>

#include <cmath>
#include <limits>

#include <fovea/kernels/base/stores.h>
#include <fovea/kernels/norm/norm_grid.h>
#include <fovea/kernels/norm/norm_isa.h>
#include <fovea/kernels/scratch.h>

namespace fovea::kernels {

// Inside a parallel region. From the last block to the first: what was read last may still be in a cache.
template <Isa I, class T>
static void normalize(const NormGrid& grid, const BatchNorm<T>& norm, const Columns<accumulator_t<T>>& columns, T* y) {
  using A = accumulator_t<T>;
  const A floor = norm.relu ? A(0) : -std::numeric_limits<A>::infinity();
  const bool stream = norm.rows * norm.channels * int64_t(sizeof(T)) > kStreamBytes;
#pragma omp for schedule(dynamic)
  for (int64_t n = 0; n < grid.count(); ++n) {
    const int64_t i = grid.count() - 1 - n, offset = grid.offset(i);
    normalize_rows<I>(grid.block(i), shifted(columns, grid.col(i)), floor, norm.x + offset,
                      shifted(norm.residual, offset), y + offset, stream);
  }
}

// mean[c], invstd[c] and the running statistics from the blocks' means and squares.
template <class T>
static void join_moments(const NormGrid& grid, const BatchNormStatistics<T>& out, const accumulator_t<T>* means,
                         const accumulator_t<T>* squares, int64_t c) {
  using A = accumulator_t<T>;
  double mean = 0, square = 0;
  for (int64_t b = 0; b < grid.row_blocks; ++b) mean += double(grid.rows_in(b)) * double(means[b * grid.channels + c]);
  mean /= double(grid.rows);
  for (int64_t b = 0; b < grid.row_blocks; ++b) {
    const double distance = double(means[b * grid.channels + c]) - mean;
    square += double(squares[b * grid.channels + c]) + double(grid.rows_in(b)) * distance * distance;
  }
  out.mean[c] = A(mean);
  out.invstd[c] = A(1 / std::sqrt(square / double(grid.rows) + out.eps));
  const double m = out.momentum, unbiased = square / double(grid.rows - 1);
  if (out.running_mean) out.running_mean[c] = A((1 - m) * double(out.running_mean[c]) + m * mean);
  if (out.running_var) out.running_var[c] = A((1 - m) * double(out.running_var[c]) + m * unbiased);
}

template <class T>
void batch_norm_train(Cpu&, const BatchNorm<T>& norm, const BatchNormStatistics<T>& statistics, T* y) {
  using A = accumulator_t<T>;
  const NormGrid grid(norm.rows, norm.channels);
  const int64_t channels = norm.channels;
  Scratch scratch;
  A* means = scratch.take<A>(size_t(grid.row_blocks * channels));
  A* squares = scratch.take<A>(size_t(grid.row_blocks * channels));
  A* scale = scratch.take<A>(size_t(channels));
  A* shift = scratch.take<A>(size_t(channels));
  with_isa([&]<Isa I>() {
#pragma omp parallel if (norm.rows * channels > kParallelGrain)
    {
#pragma omp for schedule(dynamic)
      for (int64_t i = 0; i < grid.count(); ++i)
        column_moments<I>(grid.block(i), norm.x + grid.offset(i), means + grid.partial(i), squares + grid.partial(i));
#pragma omp for schedule(static)
      for (int64_t c = 0; c < channels; ++c) {
        join_moments(grid, statistics, means, squares, c);
        scale[c] = statistics.invstd[c] * (norm.weight ? norm.weight[c] : A(1));
        shift[c] = norm.bias ? norm.bias[c] : A(0);
      }
      normalize<I, T>(grid, norm, {statistics.mean, scale, shift}, y);
    }
  });
}

template <class T>
void batch_norm_eval(Cpu&, const BatchNorm<T>& norm, const accumulator_t<T>* mean, const accumulator_t<T>* invstd,
                     T* y) {
  using A = accumulator_t<T>;
  const NormGrid grid(norm.rows, norm.channels);
  Scratch scratch;
  A* scale = scratch.take<A>(size_t(norm.channels));
  A* shift = scratch.take<A>(size_t(norm.channels));
  for (int64_t c = 0; c < norm.channels; ++c) {
    scale[c] = invstd[c] * (norm.weight ? norm.weight[c] : A(1));
    shift[c] = norm.bias ? norm.bias[c] : A(0);
  }
  with_isa([&]<Isa I>() {
#pragma omp parallel if (norm.rows * norm.channels > kParallelGrain)
    normalize<I, T>(grid, norm, {mean, scale, shift}, y);
  });
}

template <class A>
void inverse_std(Cpu&, const A* var, A* invstd, int64_t channels, double eps) {
  for (int64_t c = 0; c < channels; ++c) invstd[c] = A(1 / std::sqrt(double(var[c]) + eps));
}

template <class T>
void batch_norm_backward(Cpu&, const BatchNorm<T>& norm, bool training, const accumulator_t<T>* mean,
                         const accumulator_t<T>* invstd, const T* y, const T* dy,
                         const BatchNormGradients<T>& gradients) {
  using A = accumulator_t<T>;
  const NormGrid grid(norm.rows, norm.channels);
  const int64_t channels = norm.channels;
  const bool from_y = gradients.dresidual != nullptr;
  const Mask mask = from_y ? Mask::from_y : norm.relu ? Mask::from_x : Mask::none;
  const T* g = from_y ? gradients.dresidual : dy;
  const bool stream = g != gradients.dx && norm.rows * channels * int64_t(sizeof(T)) > kStreamBytes;
  Scratch scratch;
  A* sums = scratch.take<A>(size_t(grid.row_blocks * channels));
  A* moments = scratch.take<A>(size_t(grid.row_blocks * channels));
  A* per_channel = scratch.take<A>(size_t(5 * channels));
  A *scale = per_channel, *shift = scale + channels;
  A *a = shift + channels, *b = a + channels, *c0 = b + channels;
  const Columns<A> columns{mean, scale, shift};
  for (int64_t c = 0; c < channels; ++c) {
    scale[c] = invstd[c] * (norm.weight ? norm.weight[c] : A(1));
    shift[c] = norm.bias ? norm.bias[c] : A(0);
  }
  with_isa([&]<Isa I>() {
#pragma omp parallel if (norm.rows * channels > kParallelGrain)
    {
#pragma omp for schedule(dynamic)
      for (int64_t i = 0; i < grid.count(); ++i) {
        const int64_t offset = grid.offset(i), partial = grid.partial(i);
        gradient_sums<I>(grid.block(i), shifted(columns, grid.col(i)), mask, norm.x + offset, shifted(y, offset),
                         dy + offset, shifted(gradients.dresidual, offset), sums + partial, moments + partial);
      }
#pragma omp for schedule(static)
      for (int64_t c = 0; c < channels; ++c) {
        double sum = 0, moment = 0;
        for (int64_t r = 0; r < grid.row_blocks; ++r) sum += double(sums[r * channels + c]);
        for (int64_t r = 0; r < grid.row_blocks; ++r) moment += double(moments[r * channels + c]);
        const double std_inverse = double(invstd[c]), factor = training ? -double(scale[c]) / double(norm.rows) : 0;
        if (gradients.dbias) gradients.dbias[c] = A(sum);
        if (gradients.dweight) gradients.dweight[c] = A(moment * std_inverse);
        a[c] = scale[c];
        b[c] = A(factor * moment * std_inverse * std_inverse);
        c0[c] = A(factor * sum);
      }
      if (gradients.dx) {
#pragma omp for schedule(dynamic)
        for (int64_t n = 0; n < grid.count(); ++n) {
          const int64_t i = grid.count() - 1 - n, offset = grid.offset(i), c = grid.col(i);
          gradient_rows<I>(grid.block(i), shifted(columns, c), {a + c, b + c, c0 + c}, from_y ? Mask::none : mask,
                           norm.x + offset, g + offset, gradients.dx + offset, stream);
        }
      }
    }
  });
}

#define FOVEA_INSTANTIATE(T)                                                                                         \
  template void batch_norm_train<T>(Cpu&, const BatchNorm<T>&, const BatchNormStatistics<T>&, T*);                   \
  template void batch_norm_eval<T>(Cpu&, const BatchNorm<T>&, const accumulator_t<T>*, const accumulator_t<T>*, T*); \
  template void batch_norm_backward<T>(Cpu&, const BatchNorm<T>&, bool, const accumulator_t<T>*,                     \
                                       const accumulator_t<T>*, const T*, const T*, const BatchNormGradients<T>&);
FOVEA_INSTANTIATE(float)
FOVEA_INSTANTIATE(double)
FOVEA_INSTANTIATE(bf16)
template void inverse_std<float>(Cpu&, const float*, float*, int64_t, double);
template void inverse_std<double>(Cpu&, const double*, double*, int64_t, double);

}  // namespace fovea::kernels
