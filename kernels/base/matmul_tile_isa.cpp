#include <fovea/kernels/base/matmul_tile_isa.h>
#include <fovea/kernels/vector_math.h>

namespace fovea::kernels {
namespace {

template <class T>
struct Vector {
  typedef T type __attribute__((vector_size(Tile<kIsa, T>::kBytes)));
  typedef T unaligned __attribute__((vector_size(Tile<kIsa, T>::kBytes), aligned(alignof(T))));
};

// R rows times V vectors of columns.
template <class T, int R, int V>
void micro(int64_t k, Left<T> a, const T* b, int64_t step, T* c, int64_t ldc, bool accumulate) {
  using Vec = typename Vector<T>::type;
  using Loose = typename Vector<T>::unaligned;
  constexpr int kLanes = Tile<kIsa, T>::kLanes;
  Vec sum[R][V];
#pragma GCC unroll 8
  for (int i = 0; i < R; ++i)
#pragma GCC unroll 8
    for (int j = 0; j < V; ++j)
      sum[i][j] = accumulate ? Vec(*reinterpret_cast<const Loose*>(c + i * ldc + j * kLanes)) : Vec{};
  for (int64_t x = 0; x < k; ++x) {
    Vec right[V];
#pragma GCC unroll 8
    for (int j = 0; j < V; ++j) right[j] = *reinterpret_cast<const Loose*>(b + x * step + j * kLanes);
#pragma GCC unroll 8
    for (int i = 0; i < R; ++i) {
      Vec left = a.p[i * a.row + x * a.step] - Vec{};
#pragma GCC unroll 8
      for (int j = 0; j < V; ++j) sum[i][j] += left * right[j];
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < R; ++i)
#pragma GCC unroll 8
    for (int j = 0; j < V; ++j) *reinterpret_cast<Loose*>(c + i * ldc + j * kLanes) = sum[i][j];
}

template <class T, int V, int R = Tile<kIsa, T>::kRows>
void rows(int64_t count, int64_t k, Left<T> a, const T* b, int64_t step, T* c, int64_t ldc, bool accumulate) {
  if (count == R) return micro<T, R, V>(k, a, b, step, c, ldc, accumulate);
  if constexpr (R > 1) rows<T, V, R - 1>(count, k, a, b, step, c, ldc, accumulate);
}

// A block of up to kRows rows and V vectors of which `cols` columns exist.
template <class T, int V>
void block(int64_t count, int64_t cols, int64_t k, Left<T> a, const T* b, int64_t step, T* c, int64_t ldc,
           bool accumulate) {
  constexpr int kWidth = V * Tile<kIsa, T>::kLanes;
  if (cols == kWidth) return rows<T, V>(count, k, a, b, step, c, ldc, accumulate);
  T edge[Tile<kIsa, T>::kRows * kWidth];
  rows<T, V>(count, k, a, b, step, edge, kWidth, false);
  for (int64_t i = 0; i < count; ++i)
    for (int64_t j = 0; j < cols; ++j)
      c[i * ldc + j] = accumulate ? c[i * ldc + j] + edge[i * kWidth + j] : edge[i * kWidth + j];
}

template <class T, int V = Tile<kIsa, T>::kVectors>
void panel(int64_t m, int64_t cols, int64_t k, Left<T> a, const T* b, int64_t step, T* c, int64_t ldc,
           bool accumulate) {
  constexpr int kRows = Tile<kIsa, T>::kRows;
  if constexpr (V > 1)
    if (cols <= (V - 1) * Tile<kIsa, T>::kLanes) return panel<T, V - 1>(m, cols, k, a, b, step, c, ldc, accumulate);
  for (int64_t i = 0; i < m; i += kRows)
    block<T, V>(m - i < kRows ? m - i : kRows, cols, k, {a.p + i * a.row, a.row, a.step}, b, step, c + i * ldc, ldc,
                accumulate);
}

}  // namespace

template <Isa I, class T>
void tile_gemm(int64_t m, int64_t n, int64_t k, Left<T> a, Right<T> b, T* c, int64_t ldc, bool accumulate) {
  constexpr int kCols = Tile<I, T>::kCols;
  for (int64_t j = 0; j < n; j += kCols)
    panel<T>(m, n - j < kCols ? n - j : kCols, k, a, b.p + j / kCols * b.panel, b.step, c + j, ldc, accumulate);
}
template void tile_gemm<kIsa>(int64_t, int64_t, int64_t, Left<float>, Right<float>, float*, int64_t, bool);
template void tile_gemm<kIsa>(int64_t, int64_t, int64_t, Left<double>, Right<double>, double*, int64_t, bool);

template <Isa I, class T>
void pack_panels(int64_t k, int64_t n, const T* b, int64_t step, int64_t column, T alpha, T* panels) {
  constexpr int kCols = Tile<I, T>::kCols, kStrip = 16;
  for (int64_t begin = 0; begin < n; begin += kCols, panels += k * kCols, b += kCols * column) {
    int64_t cols = n - begin < kCols ? n - begin : kCols;
    if (cols < kCols)
      for (int64_t i = 0; i < k * kCols; ++i) panels[i] = 0;
    if (column == 1) {
      for (int64_t x = 0; x < k; ++x)
        for (int64_t j = 0; j < cols; ++j) panels[x * kCols + j] = alpha * b[x * step + j];
    } else {  // a transposed source: strips of k keep both sides in the first cache
      for (int64_t strip = 0; strip < k; strip += kStrip) {
        int64_t end = strip + kStrip < k ? strip + kStrip : k;
        for (int64_t j = 0; j < cols; ++j)
          for (int64_t x = strip; x < end; ++x) panels[x * kCols + j] = alpha * b[x * step + j * column];
      }
    }
  }
}
template void pack_panels<kIsa>(int64_t, int64_t, const float*, int64_t, int64_t, float, float*);
template void pack_panels<kIsa>(int64_t, int64_t, const double*, int64_t, int64_t, double, double*);

template <Isa I, class T>
void finish_rows(int64_t m, int64_t n, const T* bias, Epilogue epilogue, T* c, int64_t ldc) {
  for (int64_t i = 0; i < m; ++i, c += ldc) {
    if (bias)
      for (int64_t j = 0; j < n; ++j) c[j] += bias[j];
    if (epilogue == Epilogue::relu)
      for (int64_t j = 0; j < n; ++j) c[j] = c[j] < 0 ? T(0) : c[j];
    if (epilogue == Epilogue::gelu)
      for (int64_t j = 0; j < n; ++j) c[j] = T(0.5) * c[j] * (T(1) + math::erf(c[j] * T(0.70710678118654752)));
  }
}
template void finish_rows<kIsa>(int64_t, int64_t, const float*, Epilogue, float*, int64_t);
template void finish_rows<kIsa>(int64_t, int64_t, const double*, Epilogue, double*, int64_t);

template <Isa I, class T>
void epilogue_backward_rows(int64_t m, int64_t n, const T* y, const T* dy, T* dz, accumulator_t<T>* sums) {
  using Acc = accumulator_t<T>;
  for (int64_t i = 0; i < m; ++i, dy += n) {
    if (y) {
      for (int64_t j = 0; j < n; ++j) dz[j] = Acc(y[j]) > 0 ? dy[j] : T(Acc(0));
      y += n, dz += n;
    }
    if (sums) {
      const T* row = y ? dz - n : dy;
      for (int64_t j = 0; j < n; ++j) sums[j] += Acc(row[j]);
    }
  }
}
template void epilogue_backward_rows<kIsa>(int64_t, int64_t, const float*, const float*, float*, float*);
template void epilogue_backward_rows<kIsa>(int64_t, int64_t, const double*, const double*, double*, double*);
template void epilogue_backward_rows<kIsa>(int64_t, int64_t, const bf16*, const bf16*, bf16*, float*);

}  // namespace fovea::kernels
