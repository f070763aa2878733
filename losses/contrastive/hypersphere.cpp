#include <fovea/losses/contrastive/hypersphere.h>

#include <cmath>
#include <limits>

#include <fovea/core/check.h>
#include <fovea/core/ops/arith.h>
#include <fovea/core/ops/reduce.h>
#include <fovea/losses/shared/full_precision.h>
#include <fovea/losses/shared/pairs.h>

namespace fovea::losses {

Tensor alignment(const Tensor& x, const Tensor& y, double alpha) {
  check_pairs("alignment", x, y, 1);
  check(alpha > 0, "alignment: want an alpha above 0, got {}", alpha);
  Tensor squares = sum(square(normalize(full_precision(x)) - normalize(full_precision(y))), {1});
  if (alpha == 2) return mean(squares);
  // Below the clamp there is no gradient, where the power's own would be infinite.
  return mean(pow(clamp(squares, 1e-24, std::numeric_limits<double>::infinity()), alpha / 2));
}

Tensor uniformity(const Tensor& x, double t) {
  check(x.rank() == 2 && x.size(0) >= 2, "uniformity: want rows [N, D] with N of at least 2, got {}", x.shape());
  check(t > 0, "uniformity: want t above 0, got {}", t);
  // |x_i - x_j|^2 = 2 - 2 cos; each pair stands in the matrix twice.
  const double pairs = double(x.size(0)) * double(x.size(0) - 1);
  return logsumexp(similarities(x, 2 * t), {0, 1}) - (2 * t + std::log(pairs));
}

Tensor hypersphere(const Tensor& x, const Tensor& y, const HypersphereOptions& options) {
  Tensor uniform = (uniformity(x, options.t) + uniformity(y, options.t)) * (options.uniform_weight / 2);
  return options.align_weight * alignment(x, y, options.alpha) + uniform;
}

}  // namespace fovea::losses
