#include <fovea/kernels/cholesky.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include <fovea/kernels/scratch.h>

namespace fovea::kernels {
namespace {

// Step k of the elimination, in the lower triangle of m: rows before k are the inverse's already, behind them is what
// is left of s. Row k is divided by the root of the pivot and is the inverse's then; with column k, divided too, it
// leaves the rows below. Both are one vector of factors: column k of L stands behind k.
template <class T>
void eliminate(int64_t n, int64_t k, T* m, T* factors) {
  T* row = m + k * n;
  const T inverse = row[k] > 0 ? 1 / std::sqrt(row[k]) : std::numeric_limits<T>::quiet_NaN();
  row[k] = 1;
  for (int64_t j = 0; j <= k; ++j) factors[j] = row[j] *= inverse;
  for (int64_t i = k + 1; i < n; ++i) {
    factors[i] = m[i * n + k] * inverse;
    m[i * n + k] = 0;
  }
  for (int64_t i = k + 1; i < n; ++i) {
    T* below = m + i * n;
    const T c = factors[i];
#pragma omp simd
    for (int64_t j = 0; j <= i; ++j) below[j] -= c * factors[j];
  }
}

}  // namespace

template <class T>
void cholesky_inverse(Cpu&, int64_t count, int64_t n, double scale, double shift, const T* s, T* w) {
  Scratch scratch;
  T* factors = scratch.take<T>(size_t(n * count));
#pragma omp parallel for schedule(static) if (count * n * n * n > kParallelGrain)
  for (int64_t b = 0; b < count; ++b) {
    T* m = w + b * n * n;
    for (int64_t i = 0; i < n; ++i) {
      for (int64_t j = 0; j <= i; ++j) m[i * n + j] = T(scale) * s[(b * n + i) * n + j];
      m[i * n + i] += T(shift);
      std::fill(m + i * n + i + 1, m + (i + 1) * n, T(0));
    }
    for (int64_t k = 0; k < n; ++k) eliminate(n, k, m, factors + b * n);
  }
}
template void cholesky_inverse<float>(Cpu&, int64_t, int64_t, double, double, const float*, float*);
template void cholesky_inverse<double>(Cpu&, int64_t, int64_t, double, double, const double*, double*);

template <class T>
void mirror_lower(Cpu&, int64_t count, int64_t n, T* a) {
#pragma omp parallel for schedule(static) if (count * n * n > kParallelGrain)
  for (int64_t r = 0; r < count * n; ++r) {
    T* row = a + r * n;
    const int64_t i = r % n;
    for (int64_t j = i + 1; j < n; ++j) row[j] = row[(j - i) * n + i];
  }
}
template void mirror_lower<float>(Cpu&, int64_t, int64_t, float*);
template void mirror_lower<double>(Cpu&, int64_t, int64_t, double*);

}  // namespace fovea::kernels
