#pragma once

// Private to kernels/: matrix products of blocks that lie in the caches, one thread each. What every fused kernel here
// is built from (matmul, NT-Xent, k-NN, attention).
#include <cstdint>

#include <fovea/kernels/isa.h>
#include <fovea/kernels/matmul.h>

namespace fovea::kernels {

// The register tile: kRows x kCols sums stay in registers while k runs. Right operands are in panels of kCols columns.
template <Isa I, class T>
struct Tile {
  static constexpr int kBytes = I == Isa::avx512 ? 64 : I == Isa::avx2 ? 32 : 16;
  static constexpr int kLanes = kBytes / int(sizeof(T));
  static constexpr int kRows = I == Isa::plain ? 4 : 6;
  static constexpr int kVectors = I == Isa::avx512 ? 4 : 2;
  static constexpr int kCols = kLanes * kVectors;
  static constexpr int64_t panels(int64_t n) { return (n + kCols - 1) / kCols; }
  // n rounded up to whole vectors, for operands that are read without packing.
  static constexpr int64_t padded(int64_t n) { return (n + kLanes - 1) / kLanes * kLanes; }
};

// A left operand: element (i, k) is p[i * row + k * step]. Any strides; step 1 or row 1 is fast.
template <class T>
struct Left {
  const T* p;
  int64_t row, step;
};

// A right operand: element (k, j) is p[j / kCols * panel + k * step + j % kCols], readable up to whole vectors of
// columns. Packed panels have step kCols; a row-major matrix has panel kCols and step its row length.
template <class T>
struct Right {
  const T* p;
  int64_t step, panel;
};

// c[i * ldc + j] = (accumulate ? c : 0) + sum over k of a(i, k) b(k, j), for m x n elements. Sums run in k's order.
template <Isa I, class T>
void tile_gemm(int64_t m, int64_t n, int64_t k, Left<T> a, Right<T> b, T* c, int64_t ldc, bool accumulate);

// Packs the k x n matrix whose element (k, j) is b[k * step + j * column], times alpha, into Tile::panels(n) panels of
// k x kCols with zeros in the columns from n on.
template <Isa I, class T>
void pack_panels(int64_t k, int64_t n, const T* b, int64_t step, int64_t column, T alpha, T* panels);

// c = epilogue(c + bias) for m x n elements.
template <Isa I, class T>
void finish_rows(int64_t m, int64_t n, const T* bias, Epilogue epilogue, T* c, int64_t ldc);

// One chunk of epilogue_backward: sums are added to.
template <Isa I, class T>
void epilogue_backward_rows(int64_t m, int64_t n, const T* y, const T* dy, T* dz, accumulator_t<T>* sums);

template <Isa I, class T>
Right<T> packed(const T* panels, int64_t k) {
  return {panels, Tile<I, T>::kCols, k * Tile<I, T>::kCols};
}

}  // namespace fovea::kernels
