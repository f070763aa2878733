#pragma once

#include <fovea/core/tensor.h>

namespace fovea::losses {

struct VicRegOptions {
  double invariance = 25, variance = 25, covariance = 1;  // the weights w_i, w_v and w_c
};

// VICReg (Bardes et al., 2021, arXiv:2105.04906): the two views of an image agree, every dimension keeps a standard
// deviation of at least 1 over the batch, and dimensions do not correlate:
//
//   loss = w_i mean (z0 - z1)^2 + w_v (variance(z0) + variance(z1)) / 2 + w_c (covariance(z0) + covariance(z1))
//
// z0, z1 [N, D], N of at least 2, row i of one is the other view of row i of the other: f32, f64, or bf16, which is
// computed in f32. A scalar; the gradient flows into both views. A collapsed network scores 24.75.
Tensor vicreg(const Tensor& z0, const Tensor& z1, const VicRegOptions& options = {});

// The mean over dimensions of max(0, 1 - sqrt(var + 1e-4)), the variance over the N rows of z [N, ..., D] (unbiased).
Tensor variance_loss(const Tensor& z);
// sum_{i != j} Cov_ij^2 / D with Cov the covariance of z [N, D] over its rows, divided by N - 1; for maps z [N, P, D]
// the mean of that over the P places.
Tensor covariance_loss(const Tensor& z);

}  // namespace fovea::losses
