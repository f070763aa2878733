#pragma once

// Private to kernels/conv*.cpp: direct convolutions through oneDNN, for T = float and bf16. They return false, and do
// nothing, where oneDNN has no fast kernels for T on this CPU, or wrong ones for the shape.
#include <fovea/kernels/conv.h>

namespace fovea::kernels::onednn {

template <class T>
bool conv_forward(const Conv2dShape& shape, const T* x, const float* weight, const float* bias, Epilogue epilogue,
                  T* y);
template <class T>
bool conv_backward_data(const Conv2dShape& shape, const T* dy, const float* weight, T* dx);
template <class T>
bool conv_backward_weights(const Conv2dShape& shape, const T* x, const T* dy, float* dweight);

}  // namespace fovea::kernels::onednn
