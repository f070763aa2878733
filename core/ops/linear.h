#pragma once

#include <fovea/core/tensor.h>

namespace fovea {

struct MatmulOptions {
  bool transpose_a = false;  // of the last two dimensions
  bool transpose_b = false;
};
// a [..., M, K] times b [..., K, N]; leading dimensions broadcast. Rank 1 operands as in PyTorch's matmul.
Tensor matmul(const Tensor& a, const Tensor& b, MatmulOptions options = {});

enum class Activation { none, relu, gelu };
// x [..., in] times weight [out, in] transposed, plus bias [out] (may be undefined), activation fused.
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias = {}, Activation activation = Activation::none);

}  // namespace fovea
