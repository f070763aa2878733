#pragma once

#include <fovea/core/tensor.h>

// Alignment and uniformity on the hypersphere (Wang and Isola, 2020, arXiv:2005.10242): what contrastive losses do, as
// two terms. Rows are divided by their lengths inside; results are scalars; gradients flow into all rows. Both terms
// also tell how well any other method's embeddings are spread.
namespace fovea::losses {

// The mean over i of |x_i - y_i|^alpha, x and y [N, D] two views. At x_i = y_i the gradient is 0.
Tensor alignment(const Tensor& x, const Tensor& y, double alpha = 2);

// The logarithm of the mean over i < j of exp(-t |x_i - x_j|^2), x [N, D] with N of at least 2: 0 when all rows are
// equal, negative otherwise. Rows spread evenly over the sphere in 128 dimensions give -3.9375 at t = 2. Two matrices
// [N, N] of f32 and one of bytes live until backward: meant for N up to 1024.
Tensor uniformity(const Tensor& x, double t = 2);

struct HypersphereOptions {
  double alpha = 2, t = 2;
  double align_weight = 1, uniform_weight = 1;
};
// align_weight alignment(x, y) + uniform_weight (uniformity(x) + uniformity(y)) / 2
Tensor hypersphere(const Tensor& x, const Tensor& y, const HypersphereOptions& options = {});

}  // namespace fovea::losses
