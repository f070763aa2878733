#pragma once

#include <fovea/core/tensor.h>

// Private to losses/: rows in pairs, and every row against every other.
namespace fovea::losses {

// Throws Error unless z0 and z1 are [N, D] alike, N at least `least`.
void check_pairs(const char* loss, const Tensor& z0, const Tensor& z1, int64_t least);

// Where row and column are the same, u8 [n, n].
Tensor diagonal(int64_t n, Device device);

// scale cos(z_i, z_j) for all rows of z [M, D], in the dtype of full_precision(z), and on the diagonal -1e9: in a
// softmax that is nothing, and finite, so that nothing times it is nothing too. Keeps [M, M] bytes for backward.
Tensor similarities(const Tensor& z, double scale);

}  // namespace fovea::losses
