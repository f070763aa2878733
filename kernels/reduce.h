#pragma once

#include <cstdint>

#include <fovea/kernels/bf16.h>
#include <fovea/kernels/context.h>
#include <fovea/kernels/host_device.h>
#include <fovea/kernels/vector_math.h>

// Reductions of a dense x[outer, reduce, inner] over its middle. Sums are cut into blocks that depend on the shape
// alone: within a block a chain of additions is at most a few hundred long, the blocks' sums are added in double.
// Results do not depend on the number of threads. Values on the reduced side are kept in accumulator_t<T>.
namespace fovea::kernels {

struct ReduceShape {
  int64_t outer = 1, reduce = 1, inner = 1;
};

// What is summed, as a function of an element x and of a, a value of its reduced position [outer, inner].
struct Itself {
  static constexpr bool kReadsX = true, kReadsA = false;
  template <class T>
  FOVEA_HD static T f(T x, T) {
    return x;
  }
};
struct One {
  static constexpr bool kReadsX = false, kReadsA = false;
  template <class T>
  FOVEA_HD static T f(T, T) {
    return T(1);
  }
};
struct Centered {
  static constexpr bool kReadsX = true, kReadsA = true;
  template <class T>
  FOVEA_HD static T f(T x, T a) {
    return x - a;
  }
};
struct CenteredSquare {
  static constexpr bool kReadsX = true, kReadsA = true;
  template <class T>
  FOVEA_HD static T f(T x, T a) {
    return (x - a) * (x - a);
  }
};
struct ExpShifted {
  static constexpr bool kReadsX = true, kReadsA = true;
  template <class T>
  FOVEA_HD static T f(T x, T a) {
    return math::exp(x - a);
  }
};
struct EqualTo {
  static constexpr bool kReadsX = true, kReadsA = true;
  template <class T>
  FOVEA_HD static T f(T x, T a) {
    return x == a ? T(1) : T(0);
  }
};

// y[o, i] = scale * sum over r of Map::f(x[o, r, i], a[o, i]) for Itself, CenteredSquare, ExpShifted and EqualTo. a may
// be null for Itself.                                                           reads x and a, writes outer * inner
template <class Map, class T>
void reduce_sum(Cpu&, const T* x, const accumulator_t<T>* a, accumulator_t<T>* y, const ReduceShape& shape,
                double scale);
template <class Map, class T>
void reduce_sum(Cuda&, const T* x, const accumulator_t<T>* a, accumulator_t<T>* y, const ReduceShape& shape,
                double scale);

// dx[o, r, i] = scale * dy[o, i] * Map::f(x[o, r, i], a[o, i]) for One, Centered, ExpShifted and EqualTo. x and a may
// be null where Map does not read them.                                              reads x, a and dy, writes x's size
template <class Map, class T>
void reduce_spread(Cpu&, const accumulator_t<T>* dy, const T* x, const accumulator_t<T>* a, T* dx,
                   const ReduceShape& shape, double scale);
template <class Map, class T>
void reduce_spread(Cuda&, const accumulator_t<T>* dy, const T* x, const accumulator_t<T>* a, T* dx,
                   const ReduceShape& shape, double scale);

// y[o, i] = the largest (smallest) of x[o, :, i], NaN if one is; reduce > 0  reads x, writes outer * inner
template <class T>
void reduce_max(Cpu&, const T* x, accumulator_t<T>* y, const ReduceShape& shape);
template <class T>
void reduce_max(Cuda&, const T* x, accumulator_t<T>* y, const ReduceShape& shape);
template <class T>
void reduce_min(Cpu&, const T* x, accumulator_t<T>* y, const ReduceShape& shape);
template <class T>
void reduce_min(Cuda&, const T* x, accumulator_t<T>* y, const ReduceShape& shape);

// y[o, i] = the first r where x[o, r, i] is the largest, or NaN; reduce > 0  reads x, writes outer * inner
template <class T>
void argmax(Cpu&, const T* x, int64_t* y, const ReduceShape& shape);
template <class T>
void argmax(Cuda&, const T* x, int64_t* y, const ReduceShape& shape);

// norm[r] = ||x[r, :]||, y[r, :] = x[r, :] / max(norm[r], eps)               reads 2 rows * cols, writes rows * cols
template <class T>
void normalize_rows(Cpu&, const T* x, T* y, accumulator_t<T>* norm, int64_t rows, int64_t cols, double eps);
template <class T>
void normalize_rows(Cuda&, const T* x, T* y, accumulator_t<T>* norm, int64_t rows, int64_t cols, double eps);
// dx = (dy - y (y . dy)) / norm, or dy / eps where norm < eps   reads 4 rows * cols (2 of them cached), writes one
template <class T>
void normalize_rows_backward(Cpu&, const T* dy, const T* y, const accumulator_t<T>* norm, T* dx, int64_t rows,
                             int64_t cols, double eps);
template <class T>
void normalize_rows_backward(Cuda&, const T* dy, const T* y, const accumulator_t<T>* norm, T* dx, int64_t rows,
                             int64_t cols, double eps);

// y[r] = a[r, :] . b[r, :] / (max(||a[r, :]||, eps) max(||b[r, :]||, eps)); norms[2 r], norms[2 r + 1] = ||a||, ||b||
//                                                                            reads 2 rows * cols
template <class T>
void cosine_rows(Cpu&, const T* a, const T* b, accumulator_t<T>* y, accumulator_t<T>* norms, int64_t rows, int64_t cols,
                 double eps);
template <class T>
void cosine_rows(Cuda&, const T* a, const T* b, accumulator_t<T>* y, accumulator_t<T>* norms, int64_t rows,
                 int64_t cols, double eps);
// da = dy (b / (|a| |b|) - y a / |a|^2), without the second term where |a| < eps; db alike. da or db may be null.
//                                                                            reads 2 rows * cols, writes 2 rows * cols
template <class T>
void cosine_rows_backward(Cpu&, const accumulator_t<T>* dy, const T* a, const T* b, const accumulator_t<T>* y,
                          const accumulator_t<T>* norms, T* da, T* db, int64_t rows, int64_t cols, double eps);
template <class T>
void cosine_rows_backward(Cuda&, const accumulator_t<T>* dy, const T* a, const T* b, const accumulator_t<T>* y,
                          const accumulator_t<T>* norms, T* da, T* db, int64_t rows, int64_t cols, double eps);

}  // namespace fovea::kernels
