#include <fovea/models/methods/distillation/fastsiam.h>

#include <fovea/losses/distillation/negative_cosine.h>

namespace fovea::models {

Tensor FastSiam::loss(const data::Batch& batch, Step& step) {
  const int64_t n = batch.size();
  Tensor z = projector(step.features(backbone, batch.group(0)));  // [V N, D], view after view
  Tensor p = predictor(z);
  Tensor targets = losses::mean_of_others(options.gradient_into_targets ? z : z.detach(), z.size(0) / n);
  step.watch(z.slice(0, n), z.slice(n, 2 * n));
  return losses::negative_cosine(p, targets);
}

}  // namespace fovea::models
