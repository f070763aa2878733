#include <fovea/losses/contrastive/info_nce.h>

#include <fovea/core/autocast.h>
#include <fovea/core/check.h>
#include <fovea/core/ops.h>
#include <fovea/losses/shared/full_precision.h>

namespace fovea::losses {

Tensor info_nce(const Tensor& query, const Tensor& key, double temperature) {
  check(query.rank() == 2 && query.size(0) > 0 && key.shape() == query.shape(),
        "info_nce: want queries and keys [N, D] with N of at least 1, got {} and {}", query.shape(), key.shape());
  check(temperature > 0, "info_nce: want a temperature above 0, got {}", temperature);
  const Autocast off(false);
  Tensor q = normalize(full_precision(query)), k = normalize(full_precision(key));
  Tensor ahead = matmul(q, k, {.transpose_b = true}) - sum(q * k, {1}, true);  // of the positive
  return mean(logsumexp(ahead / temperature, {1}));
}

}  // namespace fovea::losses
