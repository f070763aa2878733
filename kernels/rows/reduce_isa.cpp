#include <fovea/kernels/rows/reduce_isa.h>

namespace fovea::kernels {

// acc[j] combines x[0:rows, j]. Four rows at a time: acc is read and written once for four additions, and chains are a
// quarter as long. One a for all columns if kOneA. Returns whether a NaN was met that the Op may have lost.
template <class Op, class Map, bool kOneA, class T>
static bool accumulate(const T* x, int64_t stride, const accumulator_t<T>* a, accumulator_t<T>* acc, int64_t rows,
                       int64_t cols) {
  using A = accumulator_t<T>;
  const A a0 = Map::kReadsA && kOneA ? a[0] : A(0);
  int nan = 0;
  int64_t r = 0;
  for (; r + 4 <= rows; r += 4) {
    const T *x0 = x + r * stride, *x1 = x0 + stride, *x2 = x1 + stride, *x3 = x2 + stride;
#pragma omp simd reduction(| : nan)
    for (int64_t j = 0; j < cols; ++j) {
      const A m = Map::kReadsA && !kOneA ? a[j] : a0;
      const A v0 = Map::f(A(x0[j]), m), v1 = Map::f(A(x1[j]), m), v2 = Map::f(A(x2[j]), m), v3 = Map::f(A(x3[j]), m);
      acc[j] = Op::combine(acc[j], Op::combine(Op::combine(v0, v1), Op::combine(v2, v3)));
      if constexpr (Op::kNanWins) nan |= int(v0 != v0) | int(v1 != v1) | int(v2 != v2) | int(v3 != v3);
    }
  }
  for (; r < rows; ++r) {
    const T* x0 = x + r * stride;
#pragma omp simd reduction(| : nan)
    for (int64_t j = 0; j < cols; ++j) {
      const A v = Map::f(A(x0[j]), Map::kReadsA && !kOneA ? a[j] : a0);
      acc[j] = Op::combine(acc[j], v);
      if constexpr (Op::kNanWins) nan |= int(v != v);
    }
  }
  return nan;
}

// A row is read as `kLanes` columns that are folded at the end.
template <int kLanes, class Op, class Map, class T>
static accumulator_t<T> reduce_row(const T* x, const accumulator_t<T>* a, int64_t n) {
  using A = accumulator_t<T>;
  A lanes[kLanes];
  for (int j = 0; j < kLanes; ++j) lanes[j] = Op::template identity<A>();
  bool nan = accumulate<Op, Map, true>(x, kLanes, a, lanes, n / kLanes, int64_t(kLanes));
  nan |= accumulate<Op, Map, true>(x + n / kLanes * kLanes, 0, a, lanes, 1, n % kLanes);
  if (nan) return A(NAN);
  for (int width = kLanes / 2; width > 0; width /= 2)
    for (int j = 0; j < width; ++j) lanes[j] = Op::combine(lanes[j], lanes[j + width]);
  return lanes[0];
}

template <class Op, class Map, class T>
static accumulator_t<T> reduce_short_row(const T* x, const accumulator_t<T>* a, int64_t n) {
  using A = accumulator_t<T>;
  A result = Op::template identity<A>();
  bool nan = false;
  for (int64_t c = 0; c < n; ++c) {
    const A value = Map::f(A(x[c]), Map::kReadsA ? *a : A(0));
    result = Op::combine(result, value);
    nan |= Op::kNanWins && value != value;
  }
  return nan ? A(NAN) : result;
}

template <Isa I, class Op, class Map, class T>
void reduce_rows_loop(const T* x, int64_t stride, const accumulator_t<T>* a, accumulator_t<T>* y, int64_t rows,
                      int64_t cols) {
  for (int64_t r = 0; r < rows; ++r, x += stride) {
    const accumulator_t<T>* ar = Map::kReadsA ? a + r : nullptr;
    y[r] = cols >= 256  ? reduce_row<64, Op, Map>(x, ar, cols)
           : cols >= 16 ? reduce_row<16, Op, Map>(x, ar, cols)
                        : reduce_short_row<Op, Map>(x, ar, cols);
  }
}

template <Isa I, class Op, class Map, class T>
void reduce_columns_loop(const T* x, int64_t stride, const accumulator_t<T>* a, accumulator_t<T>* y, int64_t rows,
                         int64_t cols) {
  using A = accumulator_t<T>;
  for (int64_t j = 0; j < cols; ++j) y[j] = Op::template identity<A>();
  constexpr int64_t kGroup = 16, kNarrow = 64;
  int64_t r = 0;
  bool nan = false;
  if (cols < kNarrow && stride == cols && rows >= 2 * kGroup) {  // sixteen rows are one wide row, folded at the end
    A wide[kGroup * kNarrow], wide_a[Map::kReadsA ? kGroup * kNarrow : 1] = {};
    const int64_t width = kGroup * cols, groups = rows / kGroup;
    for (int64_t j = 0; j < width; ++j) {
      wide[j] = Op::template identity<A>();
      if constexpr (Map::kReadsA) wide_a[j] = a[j % cols];
    }
    nan |= accumulate<Op, Map, false>(x, width, wide_a, wide, groups, width);
    for (int64_t g = 0; g < kGroup; ++g)
      for (int64_t j = 0; j < cols; ++j) y[j] = Op::combine(y[j], wide[g * cols + j]);
    r = groups * kGroup;
  }
  nan |= accumulate<Op, Map, false>(x + r * stride, stride, a, y, rows - r, cols);
  if (!nan) return;
  for (r = 0; r < rows; ++r)
    for (int64_t j = 0; j < cols; ++j)
      if (const A v = Map::f(A(x[r * stride + j]), Map::kReadsA ? a[j] : A(0)); v != v) y[j] = v;
}

template <Isa I, class Map, class T>
void spread_loop(const accumulator_t<T>* dy, const T* x, const accumulator_t<T>* a, int64_t step, T* dx, int64_t n,
                 accumulator_t<T> scale) {
  using A = accumulator_t<T>;
  if (step) {
#pragma omp simd
    for (int64_t i = 0; i < n; ++i)
      dx[i] = scale * dy[i] * Map::f(Map::kReadsX ? A(x[i]) : A(0), Map::kReadsA ? a[i] : A(0));
  } else {
    const A slope = scale * dy[0], a0 = Map::kReadsA ? a[0] : A(0);
#pragma omp simd
    for (int64_t i = 0; i < n; ++i) dx[i] = slope * Map::f(Map::kReadsX ? A(x[i]) : A(0), a0);
  }
}

// a . b: blocks keep the chains of additions short.
template <class T>
static accumulator_t<T> dot(const T* a, const T* b, int64_t n) {
  using A = accumulator_t<T>;
  constexpr int64_t kBlock = 2048;
  A total = 0;
  for (int64_t begin = 0; begin < n; begin += kBlock) {
    const int64_t end = begin + kBlock < n ? begin + kBlock : n;
    A sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t c = begin; c < end; ++c) sum += A(a[c]) * A(b[c]);
    total += sum;
  }
  return total;
}

template <Isa I, class T>
void normalize_loop(const T* x, T* y, accumulator_t<T>* norm, int64_t rows, int64_t cols, accumulator_t<T> eps) {
  using A = accumulator_t<T>;
  for (int64_t r = 0; r < rows; ++r, x += cols, y += cols) {
    norm[r] = math::sqrt(dot(x, x, cols));
    const A scale = A(1) / (norm[r] > eps ? norm[r] : eps);
#pragma omp simd
    for (int64_t c = 0; c < cols; ++c) y[c] = A(x[c]) * scale;
  }
}

template <Isa I, class T>
void normalize_backward_loop(const T* dy, const T* y, const accumulator_t<T>* norm, T* dx, int64_t rows, int64_t cols,
                             accumulator_t<T> eps) {
  using A = accumulator_t<T>;
  for (int64_t r = 0; r < rows; ++r, dy += cols, y += cols, dx += cols) {
    const bool clamped = norm[r] < eps;
    const A scale = A(1) / (clamped ? eps : norm[r]);
    const A along = clamped ? A(0) : dot(dy, y, cols);
#pragma omp simd
    for (int64_t c = 0; c < cols; ++c) dx[c] = (A(dy[c]) - along * A(y[c])) * scale;
  }
}

template <Isa I, class T>
void cosine_loop(const T* a, const T* b, accumulator_t<T>* y, accumulator_t<T>* norms, int64_t rows, int64_t cols,
                 accumulator_t<T> eps) {
  using A = accumulator_t<T>;
  for (int64_t r = 0; r < rows; ++r, a += cols, b += cols) {
    const A na = math::sqrt(dot(a, a, cols));
    const A nb = math::sqrt(dot(b, b, cols));
    const A across = dot(a, b, cols);
    norms[2 * r] = na, norms[2 * r + 1] = nb;
    y[r] = across / ((na > eps ? na : eps) * (nb > eps ? nb : eps));
  }
}

template <Isa I, class T>
void cosine_backward_loop(const accumulator_t<T>* dy, const T* a, const T* b, const accumulator_t<T>* y,
                          const accumulator_t<T>* norms, int side, T* da, int64_t rows, int64_t cols,
                          accumulator_t<T> eps) {
  using A = accumulator_t<T>;
  for (int64_t r = 0; r < rows; ++r, a += cols, b += cols, da += cols) {
    const A na = norms[2 * r + side], nb = norms[2 * r + 1 - side];
    const A across = dy[r] / ((na > eps ? na : eps) * (nb > eps ? nb : eps)),
            along = na < eps ? A(0) : dy[r] * y[r] / (na * na);
#pragma omp simd
    for (int64_t c = 0; c < cols; ++c) da[c] = across * A(b[c]) - along * A(a[c]);
  }
}

#define FOVEA_INSTANTIATE_REDUCTION(Op, Map, T)                                                                      \
  template void reduce_rows_loop<kIsa, Op, Map, T>(const T*, int64_t, const accumulator_t<T>*, accumulator_t<T>*,    \
                                                   int64_t, int64_t);                                                \
  template void reduce_columns_loop<kIsa, Op, Map, T>(const T*, int64_t, const accumulator_t<T>*, accumulator_t<T>*, \
                                                      int64_t, int64_t);
#define FOVEA_INSTANTIATE_SPREAD(Map, T)                                                                           \
  template void spread_loop<kIsa, Map, T>(const accumulator_t<T>*, const T*, const accumulator_t<T>*, int64_t, T*, \
                                          int64_t, accumulator_t<T>);
#define FOVEA_INSTANTIATE(T)                                                                                        \
  FOVEA_REDUCTIONS(FOVEA_INSTANTIATE_REDUCTION, T)                                                                  \
  FOVEA_SPREADS(FOVEA_INSTANTIATE_SPREAD, T)                                                                        \
  template void normalize_loop<kIsa, T>(const T*, T*, accumulator_t<T>*, int64_t, int64_t, accumulator_t<T>);       \
  template void normalize_backward_loop<kIsa, T>(const T*, const T*, const accumulator_t<T>*, T*, int64_t, int64_t, \
                                                 accumulator_t<T>);                                                 \
  template void cosine_loop<kIsa, T>(const T*, const T*, accumulator_t<T>*, accumulator_t<T>*, int64_t, int64_t,    \
                                     accumulator_t<T>);                                                             \
  template void cosine_backward_loop<kIsa, T>(const accumulator_t<T>*, const T*, const T*, const accumulator_t<T>*, \
                                              const accumulator_t<T>*, int, T*, int64_t, int64_t, accumulator_t<T>);
FOVEA_INSTANTIATE(float)
FOVEA_INSTANTIATE(double)
FOVEA_INSTANTIATE(bf16)

}  // namespace fovea::kernels
