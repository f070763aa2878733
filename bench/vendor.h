#pragma once

#include <functional>

#include "support/op_rows.h"

#include <fovea/kernels/conv.h>

// NVIDIA's libraries on the shapes of a case, as baselines. Functions are empty where there is no such library.
namespace fovea::bench {

// Computes the same on the inputs, with the gradients of all of them where `backward` says so.
using VendorCall = std::function<void(const testing::Inputs& inputs, bool backward)>;

// y = x w^T, dx and dw: cuBLAS.
VendorCall vendor_linear(int64_t rows, int64_t out, int64_t in);
// Forward and both backward passes: cuDNN.
VendorCall vendor_conv2d(const kernels::Conv2dShape& shape);

}  // namespace fovea::bench
