#pragma once

#include <fovea/core/tensor.h>

namespace fovea {

enum class Reduction { none, mean, sum };

struct CrossEntropyOptions {
  double label_smoothing = 0;   // in [0, 1)
  int64_t ignore_index = -100;  // rows with this label give 0 and do not count in the mean
  Reduction reduction = Reduction::mean;
};
// logits [N, C], labels i64 [N]. PyTorch's F.cross_entropy; the probabilities are never written.
Tensor cross_entropy(const Tensor& logits, const Tensor& labels, const CrossEntropyOptions& options = {});
// The same against distributions [N, C] of logits' dtype (no gradient for them): -sum_c target_c log_softmax(logits)_c.
Tensor soft_cross_entropy(const Tensor& logits, const Tensor& target, Reduction reduction = Reduction::mean);

struct DistillationOptions {
  double student_temperature = 0.1;
  double teacher_temperature = 0.04;
  Reduction reduction = Reduction::mean;
};
// Self-distillation (DINO, Caron et al., 2021): the cross-entropy of softmax(student / student_temperature) against
// softmax((teacher - centre) / teacher_temperature), logits [N, C] of both, without writing either distribution.
// centre [C], f32 (f64 for f64 logits), or undefined for none. No gradient for the teacher or the centre.
Tensor distillation_cross_entropy(const Tensor& student, const Tensor& teacher, const Tensor& centre = {},
                                  const DistillationOptions& options = {});

Tensor bce_with_logits(const Tensor& logits, const Tensor& target, Reduction reduction = Reduction::mean);
Tensor mse_loss(const Tensor& input, const Tensor& target, Reduction reduction = Reduction::mean);
Tensor l1_loss(const Tensor& input, const Tensor& target, Reduction reduction = Reduction::mean);
Tensor smooth_l1_loss(const Tensor& input, const Tensor& target, double beta = 1,
                      Reduction reduction = Reduction::mean);

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
