#pragma once

// Private to kernels/: what NT-Xent does to rows and to strips of similarities, s [rows, cols] with rows `ld` apart.
#include <cstdint>

#include <fovea/kernels/bf16.h>
#include <fovea/kernels/isa.h>

namespace fovea::kernels {

// unit rows of `ld` accumulators, zero from dim on, and the norms that divided them (at least 1e-12).
template <Isa I, class T>
void unit_rows(const T* z, int64_t rows, int64_t dim, accumulator_t<T>* unit, int64_t ld, accumulator_t<T>* norm);

// What the exponentials are taken of: scale s - shift, with one shift for all or the row's and the column's own.
template <class T>
struct Logits {
  T scale;
  bool common;  // one shift for all
  T shift;
  const T *row, *col;  // [rows], [cols]: shifts (common: factors of strip_weights)
};

// row[r] and col[c] become the larger of themselves and scale s. Null col: rows only.
template <Isa I, class T>
void strip_max(const T* s, int64_t ld, int64_t rows, int64_t cols, T scale, T* row, T* col);

// row[r] += sums over c of exp(scale s - shift); col likewise over r, by the column's shift. Null col: rows only.
template <Isa I, class T>
void strip_sums(const T* s, int64_t ld, int64_t rows, int64_t cols, Logits<T> logits, double* row, T* col);

// s = exp(scale s - row's shift) + exp(scale s - column's shift), or exp(scale s - shift) (row factor + column factor).
template <Isa I, class T>
void strip_weights(T* s, int64_t ld, int64_t rows, int64_t cols, Logits<T> logits);

// dz = (g - u (u g)) / norm with g = factor (sum - 2 positive), for rows of `ld` accumulators.
template <Isa I, class T>
void unit_rows_backward(const accumulator_t<T>* sum, const accumulator_t<T>* unit, const accumulator_t<T>* positive,
                        const accumulator_t<T>* norm, int64_t ld, accumulator_t<T> factor, T* dz, int64_t rows,
                        int64_t dim);

}  // namespace fovea::kernels
