#pragma once

// Private to reduce.cpp and reduce_isa.cpp.
#include <fovea/kernels/isa.h>
#include <fovea/kernels/reduce.h>

namespace fovea::kernels {

// How two partial results become one, and the value that changes nothing. Where kNanWins, a NaN makes the result NaN
// but combine() may lose it: the loops look out for them. (Told apart inside combine(), they make it a branch.)
struct Sum {
  static constexpr bool kNanWins = false;
  template <class T>
  FOVEA_HD static T combine(T a, T b) {
    return a + b;
  }
  template <class T>
  FOVEA_HD static T identity() {
    return T(0);
  }
};
struct Max {
  static constexpr bool kNanWins = true;
  template <class T>
  FOVEA_HD static T combine(T a, T b) {
    return a > b ? a : b;
  }
  template <class T>
  FOVEA_HD static T identity() {
    return T(-INFINITY);
  }
};
struct Min {
  static constexpr bool kNanWins = true;
  template <class T>
  FOVEA_HD static T combine(T a, T b) {
    return a < b ? a : b;
  }
  template <class T>
  FOVEA_HD static T identity() {
    return T(INFINITY);
  }
};

// y[r] = x[r, 0:cols] combined, for `rows` rows that lie `stride` apart; a[r] for the Map.
template <Isa I, class Op, class Map, class T>
void reduce_rows_loop(const T* x, int64_t stride, const accumulator_t<T>* a, accumulator_t<T>* y, int64_t rows,
                      int64_t cols);

// y[j] = x[0:rows, j] combined, for `cols` columns of rows that lie `stride` apart; a[j] for the Map.
template <Isa I, class Op, class Map, class T>
void reduce_columns_loop(const T* x, int64_t stride, const accumulator_t<T>* a, accumulator_t<T>* y, int64_t rows,
                         int64_t cols);

// One run of n elements of reduce_spread: dy and a move by `step`, 0 or 1.
template <Isa I, class Map, class T>
void spread_loop(const accumulator_t<T>* dy, const T* x, const accumulator_t<T>* a, int64_t step, T* dx, int64_t n,
                 accumulator_t<T> scale);

// The row functions of reduce.h, on one thread.
template <Isa I, class T>
void normalize_loop(const T* x, T* y, accumulator_t<T>* norm, int64_t rows, int64_t cols, accumulator_t<T> eps);
template <Isa I, class T>
void normalize_backward_loop(const T* dy, const T* y, const accumulator_t<T>* norm, T* dx, int64_t rows, int64_t cols,
                             accumulator_t<T> eps);
template <Isa I, class T>
void cosine_loop(const T* a, const T* b, accumulator_t<T>* y, accumulator_t<T>* norms, int64_t rows, int64_t cols,
                 accumulator_t<T> eps);
// da[r] = dy[r] (b[r] / (|a||b|) - y[r] a[r] / |a|^2); norms[2 r + side] is |a|'s.
template <Isa I, class T>
void cosine_backward_loop(const accumulator_t<T>* dy, const T* a, const T* b, const accumulator_t<T>* y,
                          const accumulator_t<T>* norms, int side, T* da, int64_t rows, int64_t cols,
                          accumulator_t<T> eps);

#define FOVEA_REDUCTIONS(M, T) \
  M(Sum, Itself, T)            \
  M(Sum, CenteredSquare, T) M(Sum, ExpShifted, T) M(Sum, EqualTo, T) M(Max, Itself, T) M(Min, Itself, T)
#define FOVEA_SPREADS(M, T) M(One, T) M(Centered, T) M(ExpShifted, T) M(EqualTo, T)

}  // namespace fovea::kernels
