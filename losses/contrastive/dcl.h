#pragma once

#include <fovea/core/ops/losses/contrastive.h>

// Decoupled contrastive learning (Yeh et al., 2022, arXiv:2110.06848). z0, z1 [N, D], N of at least 2: row i of one is
// the positive of row i of the other. Rows are divided by their lengths inside. Both losses are scalars, send their
// gradient into both views, may be negative, and keep no matrix of similarities: memory grows with N * D.
namespace fovea::losses {

// DCL, equation 6: NT-Xent without the positive in the denominators, over all 2N anchors i, with p(i) the positive,
//
//   Tensor dcl(const Tensor& z0, const Tensor& z1, double temperature, const Tensor& weight = {});
//
//   loss = 1 / 2N  sum_i  -w_i z_i . z_p(i) / t + log( sum_{k != i, p(i)} exp(z_i . z_k / t) )
//
// one logarithm over the negatives of both views. The temperature t is above 0: 0.1 in the paper. weight [N], f32 (f64
// for f64 rows), constants that serve both rows of a pair; undefined: 1.
using fovea::dcl;

// DCLW's weights, which make pairs that lie far apart count more: 2 - N softmax(z0_i . z1_i / sigma)_i, without
// gradient; their mean is 1. [N], f32 (f64 for f64 rows).
Tensor dclw_weight(const Tensor& z0, const Tensor& z1, double sigma = 0.5);

struct DclwOptions {
  double temperature = 0.1;
  double sigma = 0.5;  // of the weights
};
// DCL with these weights. Equal to DCL where all positives lie equally far apart.
Tensor dclw(const Tensor& z0, const Tensor& z1, const DclwOptions& options = {});

}  // namespace fovea::losses
