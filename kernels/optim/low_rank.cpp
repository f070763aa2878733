#include <fovea/kernels/low_rank.h>

#include <algorithm>
#include <cmath>

#include <fovea/kernels/scratch.h>

namespace fovea::kernels {

// sums[c] += (B A)[r, c] of one row.
template <class T>
static void add_product(const LowRank<T>& adapter, int64_t r, accumulator_t<T> factor, accumulator_t<T>* sums) {
  using A = accumulator_t<T>;
  for (int64_t j = 0; j < adapter.rank; ++j) {
    const A b = factor * adapter.b[r * adapter.rank + j];
    const A* a = adapter.a + j * adapter.cols;
#pragma omp simd
    for (int64_t c = 0; c < adapter.cols; ++c) sums[c] += b * a[c];
  }
}

// to = after(r, V) V where V = before(r) from + factor B A, row by row; a thread keeps one row.
template <class T, class Before, class After>
static void for_rows(const LowRank<T>& adapter, accumulator_t<T> factor, const T* from, T* to, const Before& before,
                     const After& after) {
  using A = accumulator_t<T>;
  const int64_t cols = adapter.cols;
#pragma omp parallel if (adapter.rows * cols > kParallelGrain)
  {
    Scratch scratch;
    A* row = scratch.take<A>(size_t(cols));
#pragma omp for schedule(static)
    for (int64_t r = 0; r < adapter.rows; ++r) {
      const A first = before(r);
      for (int64_t c = 0; c < cols; ++c) row[c] = A(from[r * cols + c]) * first;
      add_product(adapter, r, factor, row);
      const A last = after(r, row);
      for (int64_t c = 0; c < cols; ++c) to[r * cols + c] = T(row[c] * last);
    }
  }
}

template <class T>
void low_rank_merge(Cpu&, const LowRank<T>& adapter, const T* weight, T* merged) {
  using A = accumulator_t<T>;
  auto one = [](int64_t, auto...) { return A(1); };
  for_rows(adapter, A(adapter.scale), weight, merged, one, one);
}

template <class T>
void dora_merge(Cpu&, const LowRank<T>& adapter, const T* weight, const accumulator_t<T>* magnitude, T* merged,
                accumulator_t<T>* norm) {
  using A = accumulator_t<T>;
  for_rows(
      adapter, A(adapter.scale), weight, merged, [](int64_t) { return A(1); },
      [&](int64_t r, const A* row) {
        double squares = 0;
#pragma omp simd reduction(+ : squares)
        for (int64_t c = 0; c < adapter.cols; ++c) squares += double(row[c]) * double(row[c]);
        norm[r] = A(std::sqrt(squares));
        return magnitude[r] / norm[r];
      });
}

template <class T>
void low_rank_unmerge(Cpu&, const LowRank<T>& adapter, const T* merged, const accumulator_t<T>* magnitude,
                      const accumulator_t<T>* norm, T* weight) {
  using A = accumulator_t<T>;
  for_rows(
      adapter, A(-adapter.scale), merged, weight, [&](int64_t r) { return magnitude ? norm[r] / magnitude[r] : A(1); },
      [](int64_t, const A*) { return A(1); });
}

template <class T>
void low_rank_backward(Cpu&, const LowRank<T>& adapter, const T* weight, const accumulator_t<T>* magnitude,
                       const accumulator_t<T>* norm, const T* g, const LowRankGradients<T>& gradients) {
  using A = accumulator_t<T>;
  const int64_t rows = adapter.rows, cols = adapter.cols, rank = adapter.rank;
  auto factor = [&](int64_t r) { return A(adapter.scale) * (magnitude ? magnitude[r] / norm[r] : A(1)); };
#pragma omp parallel for schedule(static) if (rows * cols > kParallelGrain)
  for (int64_t r = 0; r < rows; ++r) {
    double along = 0;  // g . V
    for (int64_t j = 0; j < rank; ++j) {
      double sum = 0;
#pragma omp simd reduction(+ : sum)
      for (int64_t c = 0; c < cols; ++c) sum += double(A(g[r * cols + c])) * double(adapter.a[j * cols + c]);
      gradients.b[r * rank + j] = factor(r) * A(sum);
      along += adapter.scale * double(adapter.b[r * rank + j]) * sum;
    }
    if (!magnitude) continue;
#pragma omp simd reduction(+ : along)
    for (int64_t c = 0; c < cols; ++c) along += double(A(g[r * cols + c])) * double(A(weight[r * cols + c]));
    gradients.magnitude[r] = A(along / double(norm[r]));
  }
  constexpr int64_t kColumns = 64;  // of a thread at a time
#pragma omp parallel for schedule(static) if (rows * cols > kParallelGrain)
  for (int64_t begin = 0; begin < cols; begin += kColumns) {
    const int64_t end = std::min(cols, begin + kColumns);
    for (int64_t j = 0; j < rank; ++j) std::fill(gradients.a + j * cols + begin, gradients.a + j * cols + end, A(0));
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t j = 0; j < rank; ++j) {
        const A b = factor(r) * adapter.b[r * rank + j];
#pragma omp simd
        for (int64_t c = begin; c < end; ++c) gradients.a[j * cols + c] += b * A(g[r * cols + c]);
      }
  }
}

#define FOVEA_INSTANTIATE(T)                                                                                      \
  template void low_rank_merge<T>(Cpu&, const LowRank<T>&, const T*, T*);                                         \
  template void dora_merge<T>(Cpu&, const LowRank<T>&, const T*, const accumulator_t<T>*, T*, accumulator_t<T>*); \
  template void low_rank_unmerge<T>(Cpu&, const LowRank<T>&, const T*, const accumulator_t<T>*,                   \
                                    const accumulator_t<T>*, T*);                                                 \
  template void low_rank_backward<T>(Cpu&, const LowRank<T>&, const T*, const accumulator_t<T>*,                  \
                                     const accumulator_t<T>*, const T*, const LowRankGradients<T>&);
FOVEA_INSTANTIATE(float)
FOVEA_INSTANTIATE(double)
FOVEA_INSTANTIATE(bf16)

}  // namespace fovea::kernels
