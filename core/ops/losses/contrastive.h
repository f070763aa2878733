#pragma once

#include <fovea/core/tensor.h>

// Losses that compare rows with rows. No matrix of their similarities is written.
namespace fovea {

// NT-Xent over 2N rows (Chen et al., 2020): z0, z1 [N, D], row i of one the positive of row i of the other. Rows are
// l2-normalised inside. Mean over all 2N anchors of -log softmax over the 2N - 1 other rows of cos / temperature.
// Similarities are made tile by tile, forward and backward: memory grows with N * D, never with N * N.
Tensor nt_xent(const Tensor& z0, const Tensor& z1, double temperature);

// DCL (Yeh et al., 2022): NT-Xent without the positive in the denominators; N of at least 2. weight [N], f32 (f64 for
// f64 rows), constant: a factor of each pair's positive term (DCLW); undefined: 1.
Tensor dcl(const Tensor& z0, const Tensor& z1, double temperature, const Tensor& weight = {});

// InfoNCE against a queue (MoCo, He et al., 2020): query and key [N, D], queue [K, D]. Mean over the queries of
// -log softmax over its key and the K rows of the queue of cos / temperature, at the key. Rows are l2-normalised
// inside. No gradient for the queue, which may be of another floating dtype and is then read in the query's.
Tensor info_nce(const Tensor& query, const Tensor& key, const Tensor& queue, double temperature);

// CLIP (Radford et al., 2021): image and text [N, D], row i of one matching row i of the other. The mean of the
// cross-entropies over rows and over columns of exp(logit_scale) cos. logit_scale [], f32 (f64 for f64 rows).
Tensor clip_loss(const Tensor& image, const Tensor& text, const Tensor& logit_scale);

// SigLIP (Zhai et al., 2023): sum over all pairs of softplus(-+ (exp(logit_scale) cos + logit_bias)) / N, minus for
// those that match. logit_scale and logit_bias [], as in clip_loss.
Tensor siglip_loss(const Tensor& image, const Tensor& text, const Tensor& logit_scale, const Tensor& logit_bias);

}  // namespace fovea
