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
  int64_t views = 1;  // V, of the student
};
// Self-distillation (DINO, Caron et al., 2021): the cross-entropy of softmax(student / student_temperature) against
// softmax((teacher - centre) / teacher_temperature), without writing either distribution. Logits [N, C] of both, row by
// row; with V > 1 views the student's are [V N, C] and the teacher's [T N, C], of the first T of the views, all images
// of the first view, then all of the second, ..., and every view meets the teacher's other views of its image. The mean
// is over all such pairs, T N (V - 1); none gives each row's sum [V N].
// centre [C], f32 (f64 for f64 logits), or undefined for none; it may move before backward(). No gradient for the
// teacher or the centre.
Tensor distillation_cross_entropy(const Tensor& student, const Tensor& teacher, const Tensor& centre = {},
                                  const DistillationOptions& options = {});

Tensor bce_with_logits(const Tensor& logits, const Tensor& target, Reduction reduction = Reduction::mean);
Tensor mse_loss(const Tensor& input, const Tensor& target, Reduction reduction = Reduction::mean);
Tensor l1_loss(const Tensor& input, const Tensor& target, Reduction reduction = Reduction::mean);
Tensor smooth_l1_loss(const Tensor& input, const Tensor& target, double beta = 1,
                      Reduction reduction = Reduction::mean);

}  // namespace fovea
