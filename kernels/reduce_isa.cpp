#include <fovea/kernels/reduce_loops.h>

namespace fovea::kernels {

// acc[j] combines x[0:rows, j]. Four rows at a time: acc is read and written once for four additions, and chains are a
// quarter as long. One a for all columns if kOneA.
template <class Op, class Map, bool kOneA, class T>
static void accumulate(const T* x, int64_t stride, const accumulator_t<T>* a, accumulator_t<T>* acc, int64_t rows,
                       int64_t cols) {
  using A = accumulator_t<T>;
  const A a0 = Map::kReadsA && kOneA ? a[0] : A(0);
  int64_t r = 0;
  for (; r + 4 <= rows; r += 4) {
    const T *x0 = x + r * stride, *x1 = x0 + stride, *x2 = x1 + stride, *x3 = x2 + stride;
#pragma omp simd
    for (int64_t j = 0; j < cols; ++j) {
      A m = Map::kReadsA && !kOneA ? a[j] : a0;
      A low = Op::combine(Map::f(A(x0[j]), m), Map::f(A(x1[j]), m)),
        high = Op::combine(Map::f(A(x2[j]), m), Map::f(A(x3[j]), m));
      acc[j] = Op::combine(acc[j], Op::combine(low, high));
    }
  }
  for (; r < rows; ++r) {
    const T* x0 = x + r * stride;
#pragma omp simd
    for (int64_t j = 0; j < cols; ++j)
      acc[j] = Op::combine(acc[j], Map::f(A(x0[j]), Map::kReadsA && !kOneA ? a[j] : a0));
  }
}

// A row is read as `kLanes` columns that are folded at the end.
template <int kLanes, class Op, class Map, class T>
static accumulator_t<T> reduce_row(const T* x, const accumulator_t<T>* a, int64_t n) {
  using A = accumulator_t<T>;
  A lanes[kLanes];
  for (int j = 0; j < kLanes; ++j) lanes[j] = Op::template identity<A>();
  accumulate<Op, Map, true>(x, kLanes, a, lanes, n / kLanes, int64_t(kLanes));
  accumulate<Op, Map, true>(x + n / kLanes * kLanes, 0, a, lanes, 1, n % kLanes);
  for (int width = kLanes / 2; width > 0; width /= 2)
    for (int j = 0; j < width; ++j) lanes[j] = Op::combine(lanes[j], lanes[j + width]);
  return lanes[0];
}

template <Isa I, class Op, class Map, class T>
void reduce_rows_loop(const T* x, int64_t stride, const accumulator_t<T>* a, accumulator_t<T>* y, int64_t rows,
                      int64_t cols) {
  using A = accumulator_t<T>;
  for (int64_t r = 0; r < rows; ++r, x += stride) {
    const A* ar = Map::kReadsA ? a + r : nullptr;
    if (cols >= 256) {
      y[r] = reduce_row<64, Op, Map>(x, ar, cols);
    } else if (cols >= 16) {
      y[r] = reduce_row<16, Op, Map>(x, ar, cols);
    } else {
      A sum = Op::template identity<A>();
      for (int64_t c = 0; c < cols; ++c) sum = Op::combine(sum, Map::f(A(x[c]), Map::kReadsA ? *ar : A(0)));
      y[r] = sum;
    }
  }
}

template <Isa I, class Op, class Map, class T>
void reduce_columns_loop(const T* x, int64_t stride, const accumulator_t<T>* a, accumulator_t<T>* y, int64_t rows,
                         int64_t cols) {
  using A = accumulator_t<T>;
  for (int64_t j = 0; j < cols; ++j) y[j] = Op::template identity<A>();
  constexpr int64_t kGroup = 16, kNarrow = 64;
  if (cols < kNarrow && stride == cols && rows >= 2 * kGroup) {  // sixteen rows are one wide row, folded at the end
    A wide[kGroup * kNarrow], wide_a[kGroup * kNarrow];
    const int64_t width = kGroup * cols;
    for (int64_t j = 0; j < width; ++j) {
      wide[j] = Op::template identity<A>();
      if (Map::kReadsA) wide_a[j] = a[j % cols];
    }
    const int64_t groups = rows / kGroup;
    accumulate<Op, Map, false>(x, width, wide_a, wide, groups, width);
    for (int64_t g = 0; g < kGroup; ++g)
      for (int64_t j = 0; j < cols; ++j) y[j] = Op::combine(y[j], wide[g * cols + j]);
    x += groups * width;
    rows -= groups * kGroup;
  }
  accumulate<Op, Map, false>(x, stride, a, y, rows, cols);
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

// Sum of f(c) over [0, n): blocks keep the chains of additions short.
template <class A, class F>
static A sum_of(int64_t n, const F& f) {
  constexpr int64_t kBlock = 2048;
  A total = 0;
  for (int64_t begin = 0; begin < n; begin += kBlock) {
    const int64_t end = begin + kBlock < n ? begin + kBlock : n;
    A sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t c = begin; c < end; ++c) sum += f(c);
    total += sum;
  }
  return total;
}

template <Isa I, class T>
void normalize_loop(const T* x, T* y, accumulator_t<T>* norm, int64_t rows, int64_t cols, accumulator_t<T> eps) {
  using A = accumulator_t<T>;
  for (int64_t r = 0; r < rows; ++r, x += cols, y += cols) {
    norm[r] = math::sqrt(sum_of<A>(cols, [x](int64_t c) { return A(x[c]) * A(x[c]); }));
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
    const A along = clamped ? A(0) : sum_of<A>(cols, [dy, y](int64_t c) { return A(dy[c]) * A(y[c]); });
#pragma omp simd
    for (int64_t c = 0; c < cols; ++c) dx[c] = (A(dy[c]) - along * A(y[c])) * scale;
  }
}

template <Isa I, class T>
void cosine_loop(const T* a, const T* b, accumulator_t<T>* y, accumulator_t<T>* norms, int64_t rows, int64_t cols,
                 accumulator_t<T> eps) {
  using A = accumulator_t<T>;
  for (int64_t r = 0; r < rows; ++r, a += cols, b += cols) {
    const A na = math::sqrt(sum_of<A>(cols, [a](int64_t c) { return A(a[c]) * A(a[c]); }));
    const A nb = math::sqrt(sum_of<A>(cols, [b](int64_t c) { return A(b[c]) * A(b[c]); }));
    const A dot = sum_of<A>(cols, [a, b](int64_t c) { return A(a[c]) * A(b[c]); });
    norms[2 * r] = na, norms[2 * r + 1] = nb;
    y[r] = dot / ((na > eps ? na : eps) * (nb > eps ? nb : eps));
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
