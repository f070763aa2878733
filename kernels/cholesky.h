#pragma once

#include <cstdint>

#include <fovea/kernels/context.h>

namespace fovea::kernels {

// Small symmetric matrices [n, n], dense and row-major, `count` of them. T float, or double on the CPU.

// w = L^-1, lower triangular with zeros above the diagonal, where L L^T = scale s + shift I. Reads the lower triangles
// of s alone. By elimination on [s | I] in the triangle's own place: n steps, n^3 / 3 multiplications a matrix. A
// matrix that is not positive definite (to rounding) gives NaN. On CUDA n is at most kMaxCholesky: a matrix is one
// block's, in shared memory.                                        reads n (n + 1) / 2, writes n^2 a matrix
template <class T>
void cholesky_inverse(Cpu&, int64_t count, int64_t n, double scale, double shift, const T* s, T* w);
template <class T>
void cholesky_inverse(Cuda&, int64_t count, int64_t n, double scale, double shift, const T* s, T* w);

inline constexpr int64_t kMaxCholesky = 256;

// The elements below the diagonal are copied to those above it.           reads n (n - 1) / 2, writes as many a matrix
template <class T>
void mirror_lower(Cpu&, int64_t count, int64_t n, T* a);
template <class T>
void mirror_lower(Cuda&, int64_t count, int64_t n, T* a);

}  // namespace fovea::kernels
