#include <fovea/losses/distillation/negative_cosine.h>

#include <fovea/core/check.h>
#include <fovea/core/ops.h>
#include <fovea/losses/shared/full_precision.h>

namespace fovea::losses {

Tensor negative_cosine(const Tensor& p, const Tensor& z) {
  check(p.rank() == 2 && p.shape() == z.shape() && p.size(0) > 0,
        "negative_cosine: want predictions and targets [N, D] of one shape, got {} and {}", p.shape(), z.shape());
  return -mean(cosine_similarity(full_precision(p), full_precision(z)));
}

Tensor mean_of_others(const Tensor& z, int64_t views) {
  check(z.rank() == 2 && views >= 2 && z.size(0) % views == 0,
        "mean_of_others: want the rows [V * N, D] of V >= 2 views, got {} for {} views", z.shape(), views);
  Tensor x = reshape(z, {views, z.size(0) / views, z.size(1)});
  return reshape((sum(x, {0}, true) - x) / double(views - 1), {z.size(0), z.size(1)});
}

}  // namespace fovea::losses
