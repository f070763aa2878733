#pragma once

#include <fovea/core/ops/losses/contrastive.h>

namespace fovea::losses {

// NT-Xent, the normalised temperature-scaled cross-entropy of SimCLR (Chen et al., 2020, arXiv:2002.05709, equation 1):
//
//   Tensor nt_xent(const Tensor& z0, const Tensor& z1, double temperature);
//
// z0, z1 [N, D]: row i of one is the positive of row i of the other. With z the 2N rows of both, each divided by its
// length, and p(i) the positive of row i,
//
//   loss = 1 / 2N  sum_i  -log( exp(z_i . z_p(i) / t) / sum_{k != i} exp(z_i . z_k / t) )
//
// a scalar; the gradient flows into both views. The temperature t is above 0: 0.5 in lightly's benchmark and for CIFAR,
// 0.1 for ImageNet in the paper. Rows that are all equal give log(2N - 1) at any temperature, which is what a collapsed
// network scores. The official TensorFlow code returns twice this value. Memory grows with N * D: no matrix of
// similarities is kept.
using fovea::nt_xent;

}  // namespace fovea::losses
