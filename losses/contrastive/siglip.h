#pragma once

#include <fovea/core/ops/losses/contrastive.h>

namespace fovea::losses {

// SigLIP's loss (Zhai et al., 2023, arXiv:2303.15343): each pair of an image and a text is a question of its own, does
// it match? No softmax: no row waits for the sum of the others.
//
//   Tensor siglip_loss(const Tensor& image, const Tensor& text, const Tensor& logit_scale, const Tensor& logit_bias);
//
// image, text [N, D]: row i of one matches row i of the other; logit_scale, logit_bias []: learnt, f32 (f64 for f64
// rows). With every row divided by its length, S = exp(logit_scale) image text^T + logit_bias,
// and y_ij = 1 for i = j, else -1,
//
//   loss = 1 / N  sum_ij  -log sigmoid(y_ij S_ij)
//
// a scalar; the gradient flows into all four. The paper begins at logit_scale = log(10) and logit_bias = -10, so that
// the many pairs that do not match cost little at first. Memory grows with N * D: no matrix of similarities is kept.
using fovea::siglip_loss;

}  // namespace fovea::losses
