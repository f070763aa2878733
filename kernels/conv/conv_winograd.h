#pragma once

// Private to kernels/conv*.cpp: 3x3 convolutions of stride 1 as Winograd F(4x4, 3x3) on NHWC floats.
#include <fovea/kernels/conv.h>

namespace fovea::kernels::winograd {

// True for what is below: 3x3, stride 1, dilation 1, one group, padding up to 2, channels in multiples of 16.
bool fits(const Conv2dShape& shape);
// True where they beat direct sums as well: enough tiles to make up for the transform of the weights, and most of each
// tile inside of the image (maps of 1x1 and 2x2 waste it).
bool pays(const Conv2dShape& shape);

void forward(const Conv2dShape& shape, const float* x, const float* weight, const float* bias, Epilogue epilogue,
             float* y);
void backward_data(const Conv2dShape& shape, const float* dy, const float* weight, float* dx);
void backward_weights(const Conv2dShape& shape, const float* x, const float* dy, float* dweight);

}  // namespace fovea::kernels::winograd
