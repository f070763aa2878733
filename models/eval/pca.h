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

// Principal components of x f32 [N, D], from the eigenvectors of its covariance matrix: O(N D^2 + D^3). A component's
// sign is chosen so that its element of largest magnitude is positive. Throws Error unless N >= 2 and 1 <= components
// <= D.
Pca pca(const Tensor& x, int components = 2);

}  // namespace fovea::models
