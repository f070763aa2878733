#pragma once

// Private to elementwise.cpp and elementwise_isa.cpp: the loops over [0, n) that a thread runs on its part of an array.
#include <fovea/kernels/elementwise.h>
#include <fovea/kernels/isa.h>
#include <fovea/kernels/pointwise/elementwise_ops.h>

namespace fovea::kernels {

template <Isa I, class Op, class T>
void unary_loop(Op op, const T* x, T* y, int64_t n);
template <Isa I, class Op, class T>
void unary_backward_loop(Op op, const T* dy, const T* saved, T* dx, int64_t n);

// One run of a Broadcast's innermost dimension: a_step and b_step are 0 or 1.
enum class Part { value, da, db };
template <Isa I, Part P, class Op, class T>
void binary_loop(Op op, const T* dy, const T* a, int64_t a_step, const T* b, int64_t b_step, T* y, int64_t n);

template <Isa I, class T>
void add_scaled_loop(T* y, const T* x, double alpha, int64_t n);

// `first` is the index of x[0] in the whole array, a multiple of 4.
template <Isa I, class T>
void dropout_loop(const T* x, T* y, int64_t n, float keep_probability, uint64_t seed, uint64_t offset, int64_t first);

}  // namespace fovea::kernels
