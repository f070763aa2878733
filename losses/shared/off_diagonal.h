#pragma once

#include <fovea/core/tensor.h>

namespace fovea::losses {

// The sum over i != j of (a^T b)_ij^2 for rows a, b [..., N, D] of f32 or f64, shape [...]: how far the columns of a
// are from orthogonal to the other columns of b. Of the two matrices that give it, D x D and N x N, the smaller one is
// made: |a^T b|^2 is the sum of the products of a a^T and b b^T, so wide rows of a small batch cost N^2 D.
Tensor off_diagonal_energy(const Tensor& a, const Tensor& b);
Tensor off_diagonal_energy(const Tensor& a);  // of a with itself

}  // namespace fovea::losses
