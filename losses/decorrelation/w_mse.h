#pragma once

#include <cstdint>

#include <fovea/core/random.h>

namespace fovea::losses {

struct WMseOptions {
  int64_t views = 2;
  int64_t group = 128;    // samples that are whitened together; lightly's default is 256
  int iterations = 1;     // draws of groups that the loss is the mean of: 4 in the paper's STL-10 runs
  double eps = 0;         // covariances are (1 - eps) S + eps I
  bool normalize = true;  // compare directions; else the whitened values, by their mean squared difference
};

// W-MSE (Ermolov et al., 2021, arXiv:2007.06346): embeddings are whitened, then the views of an image pulled together.
// Whitened values cannot collapse, so there are no negatives, no teacher and no predictor.
//
// h [views N, D], all samples in the first view, then all in the second, ...: row i of each view is image i. A random
// permutation cuts the N images into groups, the same for all views; each group of each view is whitened
// (fovea::whiten) by its own mean and covariance. The loss is the mean over images and over pairs of views of
//
//   2 - 2 cos(z_i, z_j)      or, not normalised, mean over D of (z_i - z_j)^2
//
// between 0 and 4: 0 where whitened views agree, 2 where they know nothing of each other. Throws Error unless N is a
// multiple of `group` and group >= 2 D, below which estimates of the covariance are too noisy.
Tensor w_mse(const Tensor& h, const WMseOptions& options = {}, Generator& generator = default_generator());

}  // namespace fovea::losses
