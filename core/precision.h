#pragma once

#include <fovea/kernels/precision.h>

namespace fovea {

// PyTorch's set_float32_matmul_precision: tf32 is several times as fast on CUDA, at a relative error of about 1e-3.
using kernels::float32_precision;
using kernels::Float32Precision;
using kernels::set_float32_precision;

}  // namespace fovea
