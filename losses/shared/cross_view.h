#pragma once

#include <fovea/core/ops.h>

namespace fovea::losses {

// Predictions across views of targets that are given, as SwAV's codes (of a teacher's logits as DINO's:
// distillation_cross_entropy). Every image has V views, and the first T of them, the
// global ones, also give targets: distributions over K classes. With H the cross-entropy,
//
//   loss = 1 / (T (V - 1))  sum_{t < T}  sum_{v < V, v != t}  mean_n H(targets_tn, softmax(logits_vn))
//
// logits [V N, K], all images of the first view, then all of the second, ...: the order of data::Batch::groups. targets
// [T N, K] of the same dtype and device, in the same order; no gradient flows into them. V at least 2. H is linear in
// its targets, so each view meets the sum of the other views' targets once: one pass over the logits, not T.
Tensor cross_view(const Tensor& logits, const Tensor& targets, int64_t views);

}  // namespace fovea::losses
