#pragma once

#include <vector>

#include <fovea/core/tensor.h>

namespace fovea::models {

struct Pca {
  Tensor mean;                    // f32 [D]
  Tensor components;              // f32 [K, D], orthonormal rows, the strongest first
  std::vector<double> explained;  // the share of the total variance along each

  // Coordinates [N, K] of rows [N, D].
  Tensor operator()(const Tensor& x) const;
};

// Principal components of x f32 [N, D], on its device, from the eigenvectors of the centred rows' [D, D] scatter matrix
// or, where N < D, of their [N, N] Gram matrix, whichever is smaller: O(N D M + M^3) for M = min(N, D). A component's
// sign is chosen so that its element of largest magnitude is positive. Throws Error unless N >= 2 and 1 <= components
// <= min(N, D).
Pca pca(const Tensor& x, int components = 2);

}  // namespace fovea::models
