#pragma once

#include <fovea/core/tensor.h>

namespace fovea::losses {

// Barlow Twins (Zbontar et al., 2021, arXiv:2103.03230): the cross-correlation matrix of two views' embeddings should
// be the identity. With C = a^T b / N, where a and b are z0 and z1 with every dimension normalised over the batch
// (batch norm without weights: biased variance, eps 1e-5, as in the authors' code),
//
//   loss = sum_i (1 - C_ii)^2 + lambda sum_{i != j} C_ij^2
//
// z0, z1 [N, D], N of at least 2, row i of one is the other view of row i of the other: f32, f64, or bf16, which is
// computed in f32. A scalar, not divided by D: independent embeddings score about D. The gradient flows into both.
Tensor barlow_twins(const Tensor& z0, const Tensor& z1, double lambda = 5e-3);

}  // namespace fovea::losses
