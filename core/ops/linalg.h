#pragma once

#include <fovea/core/tensor.h>

// Matrices as a whole. Computed in f32 (f64 for f64), also under Autocast and where matmul() rounds to TF32.
namespace fovea {

// Whitens groups of samples by Cholesky: x [..., N, D], each [N, D] with its own mean and covariance S (divided by
// N - 1): z = (x - mean) L^-T, where L L^T = (1 - eps) S + eps I. With eps = 0 each group of z has mean 0 and
// covariance I. N > D unless eps > 0, and on CUDA D of at most 256. The result has x's dtype; it is NaN where the
// covariance is singular to rounding. The gradient flows through mean and covariance.
Tensor whiten(const Tensor& x, double eps = 0);

// The sum of the singular values of x [..., M, N] -> [...], in f32 (f64). The gradient is U V^T: singular values below
// about 1e-5 (f64: 1e-10) of the Frobenius norm count for less, down to 0 for 0.
Tensor nuclear_norm(const Tensor& x);

}  // namespace fovea
