#include <fovea/losses/decorrelation/mmcr.h>

#include <fovea/core/check.h>
#include <fovea/core/ops.h>
#include <fovea/core/ops/linalg.h>
#include <fovea/losses/shared/full_precision.h>

namespace fovea::losses {

Tensor mmcr(const Tensor& z, const MmcrOptions& o, const Tensor& momentum) {
  check(o.views > 0 && z.rank() == 2 && z.size(0) > 0 && z.size(0) % o.views == 0, "mmcr: want [{} N, D], got {}",
        o.views, z.shape());
  check(!momentum.defined() || momentum.shape() == z.shape(), "mmcr: want momentum rows {}, got {}", z.shape(),
        momentum.defined() ? momentum.shape() : Shape{});
  const std::vector<int64_t> by_view{o.views, z.size(0) / o.views, z.size(1)};
  const Tensor rows = normalize(full_precision(z)).reshape(by_view);
  Tensor centroids = mean(rows, {0});
  if (momentum.defined())
    centroids = (centroids + mean(normalize(full_precision(momentum.detach())).reshape(by_view), {0})) / 2;
  Tensor loss = -nuclear_norm(centroids);
  if (o.lambda != 0) loss = loss + mean(nuclear_norm(permute(rows, {1, 0, 2}))) * o.lambda;
  return loss;
}

}  // namespace fovea::losses
