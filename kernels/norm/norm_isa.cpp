#include <fovea/kernels/base/stores.h>
#include <fovea/kernels/norm/norm_isa.h>

namespace fovea::kernels {

// Rows that are read together, so that a column's sums are loaded and stored once for all of them.
static constexpr int kRows = 4;
// Rows whose mean stands for a block's mean while its squares are summed.
static constexpr int64_t kPivotRows = 16;

template <Isa I, class T>
void column_moments(const RowBlock& block, const T* x, accumulator_t<T>* mean, accumulator_t<T>* squares) {
  using A = accumulator_t<T>;
  const int64_t cols = block.cols, stride = block.stride;
  alignas(64) A pivot[kMaxCols], sum[kMaxCols], square[kMaxCols];
#pragma omp simd
  for (int64_t c = 0; c < cols; ++c) pivot[c] = 0, sum[c] = 0, square[c] = 0;
  const int64_t sample = block.rows < kPivotRows ? block.rows : kPivotRows;
  for (int64_t r = 0; r < sample; ++r) {
#pragma omp simd
    for (int64_t c = 0; c < cols; ++c) pivot[c] += A(x[r * stride + c]) * (A(1) / A(sample));
  }
  int64_t r = 0;
  for (; r + kRows <= block.rows; r += kRows) {
    const T* x0 = x + r * stride;
    const T *x1 = x0 + stride, *x2 = x1 + stride, *x3 = x2 + stride;
#pragma omp simd
    for (int64_t c = 0; c < cols; ++c) {
      A p = pivot[c], d0 = A(x0[c]) - p, d1 = A(x1[c]) - p, d2 = A(x2[c]) - p, d3 = A(x3[c]) - p;
      sum[c] += (d0 + d1) + (d2 + d3);
      square[c] += (d0 * d0 + d1 * d1) + (d2 * d2 + d3 * d3);
    }
  }
  for (; r < block.rows; ++r) {
    const T* x0 = x + r * stride;
#pragma omp simd
    for (int64_t c = 0; c < cols; ++c) {
      A d = A(x0[c]) - pivot[c];
      sum[c] += d;
      square[c] += d * d;
    }
  }
  const A inverse = A(1) / A(block.rows);
#pragma omp simd
  for (int64_t c = 0; c < cols; ++c) {
    A shift = sum[c] * inverse;
    mean[c] = pivot[c] + shift;
    A rest = square[c] - shift * sum[c];
    squares[c] = rest < 0 ? A(0) : rest;
  }
}

// Calls row(r, out) for every row, where out is where the row's results go.
template <Isa I, class T, class Row>
static void write_rows(const RowBlock& block, T* y, bool stream, const Row& row) {
  if (!stream) {
    for (int64_t r = 0; r < block.rows; ++r) row(r, y + r * block.stride);
    return;
  }
  alignas(64) T buffer[2 * kMaxCols];
  const int64_t group = block.cols == block.stride ? 2 * kMaxCols / block.cols : 1;
  for (int64_t r = 0; r < block.rows; r += group) {
    int64_t count = block.rows - r < group ? block.rows - r : group;
    for (int64_t i = 0; i < count; ++i) row(r + i, buffer + i * block.cols);
    stream_copy<I>(y + r * block.stride, buffer, count * block.cols * int64_t(sizeof(T)));
  }
  stream_fence();
}

template <Isa I, class T>
void normalize_rows(const RowBlock& block, const Columns<accumulator_t<T>>& columns, accumulator_t<T> floor, const T* x,
                    const T* residual, T* y, bool stream) {
  using A = accumulator_t<T>;
  const A *mean = columns.mean, *scale = columns.scale, *shift = columns.shift;
  const int64_t cols = block.cols, stride = block.stride;
  if (residual) {
    write_rows<I>(block, y, stream, [=](int64_t r, T* out) {
      const T *row = x + r * stride, *other = residual + r * stride;
#pragma omp simd
      for (int64_t c = 0; c < cols; ++c) {
        A v = (A(row[c]) - mean[c]) * scale[c] + shift[c] + A(other[c]);
        put(out + c, v < floor ? floor : v);
      }
    });
  } else {
    write_rows<I>(block, y, stream, [=](int64_t r, T* out) {
      const T* row = x + r * stride;
#pragma omp simd
      for (int64_t c = 0; c < cols; ++c) {
        A v = (A(row[c]) - mean[c]) * scale[c] + shift[c];
        put(out + c, v < floor ? floor : v);
      }
    });
  }
}

// dy under the mask. Of scale, shift and y only what M needs is read: the others may be null.
template <Mask M, class A, class T>
static inline A masked(A dy, A distance, const A* scale, const A* shift, int64_t c, const T* y, int64_t i) {
  if constexpr (M == Mask::from_x) return distance * scale[c] + shift[c] > 0 ? dy : A(0);
  if constexpr (M == Mask::from_y) return A(y[i]) > 0 ? dy : A(0);
  return dy;
}

template <Mask M, bool Keep, class T>
static void gradient_sums_with(const RowBlock& block, const Columns<accumulator_t<T>>& columns, const T* x, const T* y,
                               const T* dy, T* kept, accumulator_t<T>* sums, accumulator_t<T>* moments) {
  using A = accumulator_t<T>;
  const int64_t cols = block.cols, stride = block.stride;
  const A *mean = columns.mean, *scale = columns.scale, *shift = columns.shift;
#pragma omp simd
  for (int64_t c = 0; c < cols; ++c) sums[c] = 0, moments[c] = 0;
  auto pass = [&]<int Rows>(int64_t r) {
    const int64_t offset = r * stride;
#pragma omp simd
    for (int64_t c = 0; c < cols; ++c) {
      A sum = 0, moment = 0;
#pragma GCC unroll 4
      for (int k = 0; k < Rows; ++k) {
        const int64_t i = offset + k * stride + c;
        A distance = A(x[i]) - mean[c];
        A g = masked<M>(A(dy[i]), distance, scale, shift, c, y, i);
        if constexpr (Keep) put(kept + i, g);
        sum += g;
        moment += g * distance;
      }
      sums[c] += sum;
      moments[c] += moment;
    }
  };
  int64_t r = 0;
  for (; r + kRows <= block.rows; r += kRows) pass.template operator()<kRows>(r);
  for (; r < block.rows; ++r) pass.template operator()<1>(r);
}

template <Isa I, class T>
void gradient_sums(const RowBlock& block, const Columns<accumulator_t<T>>& columns, Mask mask, const T* x, const T* y,
                   const T* dy, T* kept, accumulator_t<T>* sums, accumulator_t<T>* moments) {
  if (mask == Mask::none)
    gradient_sums_with<Mask::none, false>(block, columns, x, y, dy, kept, sums, moments);
  else if (mask == Mask::from_x)
    gradient_sums_with<Mask::from_x, false>(block, columns, x, y, dy, kept, sums, moments);
  else
    gradient_sums_with<Mask::from_y, true>(block, columns, x, y, dy, kept, sums, moments);
}

template <Isa I, Mask M, class T>
static void gradient_rows_with(const RowBlock& block, const Columns<accumulator_t<T>>& columns,
                               const GradientColumns<accumulator_t<T>>& factors, const T* x, const T* dy, T* dx,
                               bool stream) {
  using A = accumulator_t<T>;
  const A *mean = columns.mean, *scale = columns.scale, *shift = columns.shift;
  const A *fa = factors.a, *fb = factors.b, *fc = factors.c;
  const int64_t cols = block.cols, stride = block.stride;
  write_rows<I>(block, dx, stream, [=](int64_t r, T* out) {
    const T *row = x + r * stride, *grad = dy + r * stride;
#pragma omp simd
    for (int64_t c = 0; c < cols; ++c) {
      A distance = A(row[c]) - mean[c];
      A g = masked<M>(A(grad[c]), distance, scale, shift, c, grad, c);
      put(out + c, fa[c] * g + (fb[c] * distance + fc[c]));
    }
  });
}

template <Isa I, class T>
void gradient_rows(const RowBlock& block, const Columns<accumulator_t<T>>& columns,
                   const GradientColumns<accumulator_t<T>>& factors, Mask mask, const T* x, const T* dy, T* dx,
                   bool stream) {
  if (mask == Mask::from_x)
    gradient_rows_with<I, Mask::from_x>(block, columns, factors, x, dy, dx, stream);
  else
    gradient_rows_with<I, Mask::none>(block, columns, factors, x, dy, dx, stream);
}

#define FOVEA_INSTANTIATE(T)                                                                                           \
  template void column_moments<kIsa, T>(const RowBlock&, const T*, accumulator_t<T>*, accumulator_t<T>*);              \
  template void normalize_rows<kIsa, T>(const RowBlock&, const Columns<accumulator_t<T>>&, accumulator_t<T>, const T*, \
                                        const T*, T*, bool);                                                           \
  template void gradient_sums<kIsa, T>(const RowBlock&, const Columns<accumulator_t<T>>&, Mask, const T*, const T*,    \
                                       const T*, T*, accumulator_t<T>*, accumulator_t<T>*);                            \
  template void gradient_rows<kIsa, T>(const RowBlock&, const Columns<accumulator_t<T>>&,                              \
                                       const GradientColumns<accumulator_t<T>>&, Mask, const T*, const T*, T*, bool);
FOVEA_INSTANTIATE(float)
FOVEA_INSTANTIATE(double)
FOVEA_INSTANTIATE(bf16)

}  // namespace fovea::kernels
