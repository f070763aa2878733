#include <cmath>
#include <limits>

#include <fovea/kernels/base/stores.h>
#include <fovea/kernels/norm.h>
#include <fovea/kernels/norm/norm_grid.h>
#include <fovea/kernels/scratch.h>

namespace fovea::kernels {

namespace {

// The blocks of all samples in one list; `grid` is one sample's.
template <class T>
struct SampleBlocks {
  const GroupNorm<T>& norm;
  NormGrid grid;
  int64_t per_group;
  bool parallel, stream;

  explicit SampleBlocks(const GroupNorm<T>& n)
      : norm(n),
        grid(n.rows, n.channels),
        per_group(n.channels / n.groups),
        parallel(n.samples * n.rows * n.channels > kParallelGrain),
        stream(n.samples * n.rows * n.channels * int64_t(sizeof(T)) > kStreamBytes) {}

  int64_t count() const { return norm.samples * grid.count(); }
  int64_t sample(int64_t i) const { return i / grid.count(); }
  RowBlock block(int64_t i) const { return grid.block(i % grid.count()); }
  int64_t col(int64_t i) const { return grid.col(i % grid.count()); }
  // Of the block's first element, of its sums, and of its columns' numbers.
  int64_t offset(int64_t i) const { return sample(i) * norm.rows * norm.channels + grid.offset(i % grid.count()); }
  int64_t partial(int64_t i) const { return sample(i) * partials() + grid.partial(i % grid.count()); }
  int64_t column(int64_t i) const { return sample(i) * norm.channels + col(i); }
  int64_t partials() const { return grid.row_blocks * norm.channels; }  // of one sample
};

}  // namespace

// Joins the blocks' moments of one group; c is its first channel, means and squares are the sample's.
template <class T>
static void join_group(const SampleBlocks<T>& all, const accumulator_t<T>* means, const accumulator_t<T>* squares,
                       int64_t c, double eps, accumulator_t<T>* mean_out, accumulator_t<T>* invstd_out) {
  const NormGrid& grid = all.grid;
  const double count = double(grid.rows) * double(all.per_group);
  double mean = 0, square = 0;
  for (int64_t b = 0; b < grid.row_blocks; ++b)
    for (int64_t k = c; k < c + all.per_group; ++k)
      mean += double(grid.rows_in(b)) * double(means[b * grid.channels + k]);
  mean /= count;
  for (int64_t b = 0; b < grid.row_blocks; ++b) {
    for (int64_t k = c; k < c + all.per_group; ++k) {
      const double distance = double(means[b * grid.channels + k]) - mean;
      square += double(squares[b * grid.channels + k]) + double(grid.rows_in(b)) * distance * distance;
    }
  }
  *mean_out = accumulator_t<T>(mean);
  *invstd_out = accumulator_t<T>(1 / std::sqrt(square / count + eps));
}

template <class T>
void group_norm(Cpu&, const GroupNorm<T>& norm, double eps, T* y, accumulator_t<T>* mean, accumulator_t<T>* invstd) {
  using A = accumulator_t<T>;
  const SampleBlocks<T> all(norm);
  const int64_t channels = norm.channels, columns = norm.samples * channels;
  Scratch scratch;
  A* means = scratch.take<A>(size_t(norm.samples * all.partials()));
  A* squares = scratch.take<A>(size_t(norm.samples * all.partials()));
  A* column_mean = scratch.take<A>(size_t(columns));
  A* scale = scratch.take<A>(size_t(columns));
  A* shift = scratch.take<A>(size_t(channels));
  for (int64_t c = 0; c < channels; ++c) shift[c] = norm.bias ? norm.bias[c] : A(0);
  with_isa([&]<Isa I>() {
#pragma omp parallel if (all.parallel)
    {
#pragma omp for schedule(dynamic)
      for (int64_t i = 0; i < all.count(); ++i)
        column_moments<I>(all.block(i), norm.x + all.offset(i), means + all.partial(i), squares + all.partial(i));
#pragma omp for schedule(static)
      for (int64_t i = 0; i < norm.samples * norm.groups; ++i) {
        const int64_t sample = i / norm.groups, first = i % norm.groups * all.per_group;
        join_group<T>(all, means + sample * all.partials(), squares + sample * all.partials(), first, eps, mean + i,
                      invstd + i);
        for (int64_t c = first; c < first + all.per_group; ++c) {
          column_mean[sample * channels + c] = mean[i];
          scale[sample * channels + c] = invstd[i] * (norm.weight ? norm.weight[c] : A(1));
        }
      }
#pragma omp for schedule(dynamic)
      for (int64_t i = 0; i < all.count(); ++i) {
        const Columns<A> at{column_mean + all.column(i), scale + all.column(i), shift + all.col(i)};
        normalize_rows<I, T>(all.block(i), at, -std::numeric_limits<A>::infinity(), norm.x + all.offset(i), nullptr,
                             y + all.offset(i), all.stream);
      }
    }
  });
}

template <class T>
void group_norm_backward(Cpu&, const GroupNorm<T>& norm, const accumulator_t<T>* mean, const accumulator_t<T>* invstd,
                         const T* dy, const LayerNormGradients<T>& gradients) {
  using A = accumulator_t<T>;
  const SampleBlocks<T> all(norm);
  const int64_t channels = norm.channels, columns = norm.samples * channels;
  Scratch scratch;
  A* sums = scratch.take<A>(size_t(norm.samples * all.partials()));
  A* moments = scratch.take<A>(size_t(norm.samples * all.partials()));
  double* column_sum = scratch.take<double>(size_t(columns));
  double* column_moment = scratch.take<double>(size_t(columns));
  A* factors = scratch.take<A>(size_t(4 * columns));
  A *column_mean = factors, *a = factors + columns, *b = a + columns, *c0 = b + columns;
  for (int64_t i = 0; i < columns; ++i) column_mean[i] = mean[i / all.per_group];
  with_isa([&]<Isa I>() {
#pragma omp parallel if (all.parallel)
    {
#pragma omp for schedule(dynamic)
      for (int64_t i = 0; i < all.count(); ++i) {
        const Columns<A> at{column_mean + all.column(i), nullptr, nullptr};
        gradient_sums<I, T>(all.block(i), at, Mask::none, norm.x + all.offset(i), nullptr, dy + all.offset(i), nullptr,
                            sums + all.partial(i), moments + all.partial(i));
      }
#pragma omp for schedule(static)
      for (int64_t i = 0; i < norm.samples * norm.groups; ++i) {
        const int64_t sample = i / norm.groups, first = i % norm.groups * all.per_group;
        double group_sum = 0, group_moment = 0;
        for (int64_t c = first; c < first + all.per_group; ++c) {
          double sum = 0, moment = 0;
          for (int64_t r = 0; r < all.grid.row_blocks; ++r) {
            sum += double(sums[sample * all.partials() + r * channels + c]);
            moment += double(moments[sample * all.partials() + r * channels + c]);
          }
          const double weight = norm.weight ? double(norm.weight[c]) : 1;
          column_sum[sample * channels + c] = sum;
          column_moment[sample * channels + c] = moment;
          group_sum += weight * sum;
          group_moment += weight * moment;
        }
        const double k = double(invstd[i]), count = double(norm.rows) * double(all.per_group);
        for (int64_t c = first; c < first + all.per_group; ++c) {
          a[sample * channels + c] = A(k * (norm.weight ? double(norm.weight[c]) : 1));
          b[sample * channels + c] = A(-k * k * k * group_moment / count);
          c0[sample * channels + c] = A(-k * group_sum / count);
        }
      }
#pragma omp for schedule(static)
      for (int64_t c = 0; c < channels; ++c) {
        double dweight = 0, dbias = 0;
        for (int64_t sample = 0; sample < norm.samples; ++sample) {
          dbias += column_sum[sample * channels + c];
          dweight += column_moment[sample * channels + c] * double(invstd[sample * norm.groups + c / all.per_group]);
        }
        gradients.dweight[c] = A(dweight);
        gradients.dbias[c] = A(dbias);
      }
#pragma omp for schedule(dynamic)
      for (int64_t i = 0; i < all.count(); ++i) {
        const Columns<A> at{column_mean + all.column(i), nullptr, nullptr};
        gradient_rows<I, T>(all.block(i), at, {a + all.column(i), b + all.column(i), c0 + all.column(i)}, Mask::none,
                            norm.x + all.offset(i), dy + all.offset(i), gradients.dx + all.offset(i),
                            all.stream && gradients.dx != dy);
      }
    }
  });
}

#define FOVEA_INSTANTIATE(T)                                                                                        \
  template void group_norm<T>(Cpu&, const GroupNorm<T>&, double, T*, accumulator_t<T>*, accumulator_t<T>*);         \
  template void group_norm_backward<T>(Cpu&, const GroupNorm<T>&, const accumulator_t<T>*, const accumulator_t<T>*, \
                                       const T*, const LayerNormGradients<T>&);
FOVEA_INSTANTIATE(float)
FOVEA_INSTANTIATE(double)
FOVEA_INSTANTIATE(bf16)

}  // namespace fovea::kernels
