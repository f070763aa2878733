#pragma once

// Private to kernels/norm*.cpp: the loops of batch and group norm over blocks of rows.
#include <cstdint>

#include <fovea/kernels/bf16.h>
#include <fovea/kernels/isa.h>

namespace fovea::kernels {

// `rows` rows of `cols` <= kMaxCols values each, `stride` apart.
struct RowBlock {
  int64_t rows, cols, stride;
};
inline constexpr int64_t kMaxCols = 1024;

// What a column is normalised with: (x - mean) * scale + shift.
template <class A>
struct Columns {
  const A* mean;
  const A* scale;
  const A* shift;
};

// The ReLU's mask: none, where the normalised x is positive, where y is.
enum class Mask { none, from_x, from_y };

// Mean and sum of squared distances from it, for each column. Distances are first taken from the mean of a few rows, so
// that a mean far from zero costs no digits.
template <Isa I, class T>
void column_moments(const RowBlock& block, const T* x, accumulator_t<T>* mean, accumulator_t<T>* squares);

// y = max(floor, (x - mean) * scale + shift + residual); NaN stays NaN. `stream` writes around the caches.
template <Isa I, class T>
void normalize_rows(const RowBlock& block, const Columns<accumulator_t<T>>& columns, accumulator_t<T> floor, const T* x,
                    const T* residual, T* y, bool stream);

// With g = dy under the mask: sums[c] = sum g, moments[c] = sum g (x - mean). g itself goes to `masked` if not null.
template <Isa I, class T>
void gradient_sums(const RowBlock& block, const Columns<accumulator_t<T>>& columns, Mask mask, const T* x, const T* y,
                   const T* dy, T* masked, accumulator_t<T>* sums, accumulator_t<T>* moments);

// dx = a g + b (x - mean) + c, where a, b, c belong to the column.
template <class A>
struct GradientColumns {
  const A* a;
  const A* b;
  const A* c;
};
template <Isa I, class T>
void gradient_rows(const RowBlock& block, const Columns<accumulator_t<T>>& columns,
                   const GradientColumns<accumulator_t<T>>& factors, Mask mask, const T* x, const T* dy, T* dx,
                   bool stream);

}  // namespace fovea::kernels
