#pragma once

// Private to kernels/conv*.cpp: convolutions of one group as products of matrices. The patches that the outputs read
// are gathered into the rows of a matrix, a slice at a time, and multiplied with the weights.
#include <fovea/kernels/conv.h>

namespace fovea::kernels::columns {

// Where these beat oneDNN's direct kernels, whose tiles stay half empty on small maps, and in bf16 with 1x1 kernels
// (measured on a CPU with AMX; 1.3 to 6 times at 4x4 maps of 512 channels).
template <class T>
bool pays(const Conv2dShape& shape);  // forward
template <class T>
bool pays_backward_data(const Conv2dShape& shape);
template <class T>
bool pays_backward_weights(const Conv2dShape& shape);

template <class T>
void forward(const Conv2dShape& shape, const T* x, const float* weight, const float* bias, T* y);
template <class T>
void backward_data(const Conv2dShape& shape, const T* dy, const float* weight, T* dx);
template <class T>
void backward_weights(const Conv2dShape& shape, const T* x, const T* dy, float* dweight);

}  // namespace fovea::kernels::columns
