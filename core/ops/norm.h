#pragma once

#include <fovea/core/tensor.h>

namespace fovea {

struct BatchNormOptions {
  bool training = true;   // batch statistics; the running ones are updated
  double momentum = 0.1;  // running = (1 - momentum) running + momentum batch; the running variance is unbiased
  double eps = 1e-5;
  bool relu = false;  // fused: relu(batch_norm(x) + residual)
};
// x [..., C] normalised for each channel over all other dimensions: batch norm 1d and 2d in one. weight, bias [C], both
// or neither undefined; running_mean and running_var [C] f32 (f64 for f64 x) are written in training and may be
// undefined in training; residual, when defined, has x's shape and is added before the ReLU. Statistics in f32 for bf16
// x, which gives bf16. Throws Error for fewer than two values a channel in training, as PyTorch does.
Tensor batch_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, Tensor running_mean, Tensor running_var,
                  const BatchNormOptions& options = {}, const Tensor& residual = {});

// Over the last dimension; weight, bias [C] or undefined.
Tensor layer_norm(const Tensor& x, const Tensor& weight = {}, const Tensor& bias = {}, double eps = 1e-5);

// x [N, ..., C], C in `groups` groups, each normalised over its channels and all positions of the sample.
Tensor group_norm(const Tensor& x, int64_t groups, const Tensor& weight = {}, const Tensor& bias = {},
                  double eps = 1e-5);

}  // namespace fovea
