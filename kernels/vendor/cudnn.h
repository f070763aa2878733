#pragma once

#include <string>

#include <fovea/kernels/conv.h>

// cuDNN behind the signatures of conv.h: the baseline that tests and benchmarks compare with. The framework itself
// never calls it. The library is opened at the first call.
namespace fovea::kernels::vendor {

// Why cuDNN cannot be used on this machine, in a sentence; empty where it can.
const std::string& cudnn_missing();

// Without the epilogue. T float or bf16. Float follows float32_precision. Algorithms are those that cuDNN's heuristics
// put first. Weights and their gradients are converted from and to float for bf16. Throws std::runtime_error with
// cuDNN's words, or cudnn_missing's.
template <class T>
void conv2d_forward(Cuda&, const Conv2dShape& shape, const T* x, const float* weight, const float* bias, T* y);
template <class T>
void conv2d_backward_data(Cuda&, const Conv2dShape& shape, const T* dy, const float* weight, T* dx);
template <class T>
void conv2d_backward_weights(Cuda&, const Conv2dShape& shape, const T* x, const T* dy, float* dweight);

}  // namespace fovea::kernels::vendor
