#pragma once

// Private to kernels/norm_layer*.cpp.
#include <cstdint>

#include <fovea/kernels/bf16.h>
#include <fovea/kernels/isa.h>

namespace fovea::kernels {

template <Isa I, class T>
void layer_norm_row(int64_t cols, const T* x, const accumulator_t<T>* weight, const accumulator_t<T>* bias,
                    accumulator_t<T> eps, T* y, accumulator_t<T>* mean, accumulator_t<T>* invstd);

// dx of one row; its parts of the weight's and the bias's gradients are added to dweight and dbias.
template <Isa I, class T>
void layer_norm_gradient_row(int64_t cols, const T* x, const accumulator_t<T>* weight, accumulator_t<T> mean,
                             accumulator_t<T> invstd, const T* dy, T* dx, accumulator_t<T>* dweight,
                             accumulator_t<T>* dbias);

}  // namespace fovea::kernels
