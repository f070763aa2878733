#include <fovea/losses/decorrelation/vicreg.h>

#include <fovea/core/autocast.h>
#include <fovea/core/check.h>
#include <fovea/core/ops.h>
#include <fovea/losses/shared/full_precision.h>
#include <fovea/losses/shared/off_diagonal.h>
#include <fovea/losses/shared/two_views.h>

namespace fovea::losses {

Tensor variance_loss(const Tensor& z) {
  constexpr double kEps = 1e-4;  // a finite slope of the root where a dimension is constant
  return mean(relu(1 - sqrt(var(full_precision(z), {0}) + kEps)));
}

Tensor covariance_loss(const Tensor& z) {
  check(z.rank() == 2 || z.rank() == 3, "covariance_loss: want embeddings [N, D] or maps [N, P, D], got {}", z.shape());
  Autocast full(false);
  const double n = double(z.size(0)), dim = double(z.size(-1));
  Tensor x = full_precision(z);
  x = x - mean(x, {0}, true);
  if (x.rank() == 3) x = transpose(x, 0, 1);
  return mean(off_diagonal_energy(x)) / ((n - 1) * (n - 1) * dim);
}

Tensor vicreg(const Tensor& z0, const Tensor& z1, const VicRegOptions& options) {
  check_two_views("vicreg", z0, z1);
  Tensor a = full_precision(z0), b = full_precision(z1);
  return mse_loss(a, b) * options.invariance + (variance_loss(a) + variance_loss(b)) * (options.variance / 2) +
         (covariance_loss(a) + covariance_loss(b)) * options.covariance;
}

}  // namespace fovea::losses
