#pragma once

#include <fovea/core/random.h>
#include <fovea/core/tensor.h>

namespace fovea {

enum class GeluForm { erf, tanh };

Tensor relu(const Tensor& x);
Tensor leaky_relu(const Tensor& x, double negative_slope = 0.01);
Tensor gelu(const Tensor& x, GeluForm form = GeluForm::erf);
Tensor quick_gelu(const Tensor& x);  // x * sigmoid(1.702 x): CLIP's
Tensor silu(const Tensor& x);
Tensor tanh(const Tensor& x);
Tensor sigmoid(const Tensor& x);
Tensor softplus(const Tensor& x);  // log(1 + exp(x)), linear above 20

Tensor softmax(const Tensor& x, int dim = -1);
Tensor log_softmax(const Tensor& x, int dim = -1);

// Zeroes elements with probability p and scales the rest by 1 / (1 - p). The mask is not kept: backward draws it again.
Tensor dropout(const Tensor& x, double p, bool training, Generator& generator = default_generator());

}  // namespace fovea
