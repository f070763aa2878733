#pragma once

#include <fovea/core/ops/losses/contrastive.h>

namespace fovea::losses {

// CLIP's loss (Radford et al., 2021, arXiv:2103.00020): InfoNCE within the batch, from images to texts and back.
//
//   Tensor clip_loss(const Tensor& image, const Tensor& text, const Tensor& logit_scale);
//
// image, text [N, D]: row i of one matches row i of the other; logit_scale []: the logarithm of what cosines are
// multiplied with, learnt, f32 (f64 for f64 rows). With every row divided by its length and
// S = exp(logit_scale) image text^T,
//
//   loss = ( cross entropy of the rows of S + cross entropy of its columns ) / 2, labels 0, 1, ..., N - 1
//
// a scalar; the gradient flows into all three. The paper begins at logit_scale = log(1 / 0.07) = 2.659260 and keeps it
// at most log(100) = 4.605170, after each step of the optimiser, without weight decay. Rows that are all equal give
// log(N). Memory grows with N * D: no matrix of similarities is kept.
using fovea::clip_loss;

}  // namespace fovea::losses
