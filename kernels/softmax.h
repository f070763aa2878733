#pragma once

#include <cstdint>

#include <fovea/kernels/bf16.h>
#include <fovea/kernels/context.h>

// Rows of a [rows, cols] array: T float, double or bf16, sums in accumulator_t<T>. A row of -infinity alone gives NaN,
// as in PyTorch.
namespace fovea::kernels {

// y = exp(x - max) / sum of exp(x - max)                                              reads x, writes y
template <class T>
void softmax(Cpu&, const T* x, T* y, int64_t rows, int64_t cols);
template <class T>
void softmax(Cuda&, const T* x, T* y, int64_t rows, int64_t cols);

// dx = y (dy - sum of y dy)                                                           reads y and dy, writes dx
template <class T>
void softmax_backward(Cpu&, const T* y, const T* dy, T* dx, int64_t rows, int64_t cols);
template <class T>
void softmax_backward(Cuda&, const T* y, const T* dy, T* dx, int64_t rows, int64_t cols);

// y = x - log of the sum of exp(x)                                                    reads x, writes y
template <class T>
void log_softmax(Cpu&, const T* x, T* y, int64_t rows, int64_t cols);
template <class T>
void log_softmax(Cuda&, const T* x, T* y, int64_t rows, int64_t cols);

// dx = dy - exp(y) (sum of dy)                                                        reads y and dy, writes dx
template <class T>
void log_softmax_backward(Cpu&, const T* y, const T* dy, T* dx, int64_t rows, int64_t cols);
template <class T>
void log_softmax_backward(Cuda&, const T* y, const T* dy, T* dx, int64_t rows, int64_t cols);

}  // namespace fovea::kernels
