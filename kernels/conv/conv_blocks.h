#pragma once

// Private to kernels/conv*.cpp: f32 convolutions of one group as products of small blocks. A thread gathers the pixels
// that some 100 outputs read into its second-level cache and multiplies them there: near the arithmetic peak for any
// kernel size, stride and dilation.
#include <fovea/kernels/conv.h>

namespace fovea::kernels::blocks {

// Where these beat oneDNN's direct kernels: small maps, and weight gradients but for those of a few input channels.
// There oneDNN's threads wait for one another by spinning, which takes many times as long when the core is shared.
bool pays(const Conv2dShape& shape);  // forward and backward_data
bool pays_backward_weights(const Conv2dShape& shape);

void forward(const Conv2dShape& shape, const float* x, const float* weight, const float* bias, Epilogue epilogue,
             float* y);
void backward_data(const Conv2dShape& shape, const float* dy, const float* weight, float* dx);
void backward_weights(const Conv2dShape& shape, const float* x, const float* dy, float* dweight);

}  // namespace fovea::kernels::blocks
