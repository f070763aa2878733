#include <fovea/kernels/resize.h>

#include <omp.h>

#include <algorithm>
#include <cmath>

#include <fovea/kernels/image/resize_isa.h>
#include <fovea/kernels/scratch.h>

namespace fovea::kernels {

static double linear_filter(double x) {
  return std::max(0.0, 1 - std::abs(x));
}

// Keys' cubic convolution.
static double cubic_filter(double x, double a) {
  x = std::abs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return ((x - 5) * x + 8) * x * a - 4 * a;
  return 0;
}

namespace {

// Weights of one output on inputs from `begin` on.
struct Taps {
  int64_t begin;
  std::vector<double> weights;
};

}  // namespace

static Taps antialiased_taps(int64_t o, int64_t in, double step, bool cubic) {
  const double wide = std::max(step, 1.0), support = (cubic ? 2 : 1) * wide, center = step * (double(o) + 0.5);
  const int64_t begin = std::max<int64_t>(int64_t(center - support + 0.5), 0);
  const int64_t end = std::min<int64_t>(int64_t(center + support + 0.5), in);
  Taps taps{begin, {}};
  double total = 0;
  for (int64_t i = begin; i < end; ++i) {
    const double x = (double(i) + 0.5 - center) / wide;
    taps.weights.push_back(cubic ? cubic_filter(x, -0.5) : linear_filter(x));
    total += taps.weights.back();
  }
  for (double& w : taps.weights) w /= total;
  return taps;
}

// Taps beyond the border read the border.
static Taps interpolated_taps(int64_t in, double position, bool cubic) {
  if (!cubic) position = std::max(position, 0.0);
  const int64_t floor = int64_t(std::floor(position));
  const int64_t begin = cubic ? floor - 1 : floor, end = floor + (cubic ? 3 : 2);
  Taps taps{std::clamp<int64_t>(begin, 0, in - 1), {}};
  taps.weights.resize(size_t(std::clamp<int64_t>(end - 1, 0, in - 1) - taps.begin + 1));
  for (int64_t i = begin; i < end; ++i) {
    const double x = position - double(i);
    taps.weights[size_t(std::clamp<int64_t>(i, 0, in - 1) - taps.begin)] +=
        cubic ? cubic_filter(x, -0.75) : linear_filter(x);
  }
  return taps;
}

// Every output gets as many taps as the widest has; windows at the far end move back to stay inside.
static ResampleTable table_of(int64_t in, const std::vector<Taps>& all) {
  ResampleTable table{in, int64_t(all.size()), 1, {}, {}};
  for (const Taps& taps : all) table.taps = std::max(table.taps, int64_t(taps.weights.size()));
  table.weight.resize(all.size() * size_t(table.taps));
  for (size_t o = 0; o < all.size(); ++o) {
    const int64_t start = std::min(all[o].begin, in - table.taps), shift = all[o].begin - start;
    table.start.push_back(start);
    std::copy(all[o].weights.begin(), all[o].weights.end(), table.weight.begin() + int64_t(o) * table.taps + shift);
  }
  return table;
}

ResampleTable resample_table(int64_t in, int64_t out, const ResampleFilter& filter) {
  std::vector<Taps> all;
  const double step = !filter.align_corners ? double(in) / double(out) : out > 1 ? double(in - 1) / double(out - 1) : 0;
  for (int64_t o = 0; o < out; ++o) {
    const double position = filter.align_corners ? step * double(o) : step * (double(o) + 0.5) - 0.5;
    all.push_back(filter.antialias ? antialiased_taps(o, in, step, filter.cubic)
                                   : interpolated_taps(in, position, filter.cubic));
  }
  return table_of(in, all);
}

ResampleTable transposed(const ResampleTable& table) {
  std::vector<Taps> all(size_t(table.in), Taps{0, {}});
  for (int64_t o = 0; o < table.out; ++o) {
    for (int64_t k = 0; k < table.taps; ++k) {
      const double weight = table.weight[size_t(o * table.taps + k)];
      if (weight == 0) continue;
      Taps& taps = all[size_t(table.start[size_t(o)] + k)];
      if (taps.weights.empty()) taps.begin = o;
      taps.weights.resize(size_t(o - taps.begin + 1));
      taps.weights.back() = weight;
    }
  }
  return table_of(table.out, all);
}

template <class T>
void resample2d(Cpu&, int64_t n, int64_t c, const ResampleAxis<accumulator_t<T>>& rows,
                const ResampleAxis<accumulator_t<T>>& cols, const T* x, T* y) {
  using A = accumulator_t<T>;
  const int64_t in_row = cols.in * c, out_row = cols.out * c, total = n * rows.out;
  Scratch scratch;
  A* mixed = scratch.take<A>(size_t(threads()) * size_t(in_row));
  with_isa([&]<Isa I>() {
#pragma omp parallel for schedule(dynamic, 4) if (total * std::max(in_row, out_row) > kParallelGrain)
    for (int64_t i = 0; i < total; ++i) {
      const int64_t oy = i % rows.out, image = i / rows.out * rows.in;
      resample_row<I, T>(rows.taps, rows.weight + oy * rows.taps, c, cols, x + (image + rows.start[oy]) * in_row,
                         mixed + omp_get_thread_num() * in_row, y + i * out_row);
    }
  });
}

#define FOVEA_INSTANTIATE(T)                                                                 \
  template void resample2d<T>(Cpu&, int64_t, int64_t, const ResampleAxis<accumulator_t<T>>&, \
                              const ResampleAxis<accumulator_t<T>>&, const T*, T*);
FOVEA_INSTANTIATE(float)
FOVEA_INSTANTIATE(double)
FOVEA_INSTANTIATE(bf16)

}  // namespace fovea::kernels
