#pragma once

// Private to kernels/conv*.cpp: bf16 convolutions as products of large matrices. The pixels that the outputs read are
// gathered into the rows of a matrix, a slice at a time, and multiplied with the weights.
#include <fovea/kernels/conv.h>

namespace fovea::kernels::columns {

// Where these beat oneDNN's direct kernels, whose tiles stay half empty on small maps and with 1x1 kernels (measured on
// a CPU with AMX: 1.3 to 6 times at 4x4 maps of 512 channels).
bool pays(const Conv2dShape& shape);  // forward and backward_data
bool pays_backward_weights(const Conv2dShape& shape);

void forward(const Conv2dShape& shape, const bf16* x, const float* weight, const float* bias, Epilogue epilogue,
             bf16* y);
void backward_data(const Conv2dShape& shape, const bf16* dy, const float* weight, bf16* dx);
void backward_weights(const Conv2dShape& shape, const bf16* x, const bf16* dy, float* dweight);

}  // namespace fovea::kernels::columns
