#pragma once

// Private to kernels/: what a row of logits needs, for the softmax family and the losses on it.
#include <cstdint>

#include <fovea/kernels/bf16.h>
#include <fovea/kernels/isa.h>

namespace fovea::kernels {

template <Isa I, class T>
void softmax_rows(const T* x, T* y, int64_t rows, int64_t cols);
template <Isa I, class T>
void softmax_backward_rows(const T* y, const T* dy, T* dx, int64_t rows, int64_t cols);
template <Isa I, class T>
void log_softmax_rows(const T* x, T* y, int64_t rows, int64_t cols);
template <Isa I, class T>
void log_softmax_backward_rows(const T* y, const T* dy, T* dx, int64_t rows, int64_t cols);

}  // namespace fovea::kernels

#ifdef FOVEA_ISA
#include <fovea/kernels/vector_math.h>

namespace fovea::kernels {

template <class T>
static inline accumulator_t<T> row_max(const T* x, int64_t n) {
  using Acc = accumulator_t<T>;
  Acc top = -Acc(INFINITY);
#pragma omp simd reduction(max : top)
  for (int64_t i = 0; i < n; ++i) top = Acc(x[i]) > top ? Acc(x[i]) : top;
  return top;
}

template <class T>
static inline accumulator_t<T> row_sum_exp(const T* x, int64_t n, accumulator_t<T> top) {
  using Acc = accumulator_t<T>;
  Acc sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < n; ++i) sum += math::exp(Acc(x[i]) - top);
  return sum;
}

// log of the sum of exp(x[i]).
template <class T>
static inline accumulator_t<T> row_log_sum_exp(const T* x, int64_t n) {
  accumulator_t<T> top = row_max(x, n);
  return top + math::log(row_sum_exp(x, n, top));
}

}  // namespace fovea::kernels
#endif
