#include <fovea/losses/decorrelation/barlow_twins.h>

#include <fovea/core/autocast.h>
#include <fovea/core/ops.h>
#include <fovea/losses/shared/full_precision.h>
#include <fovea/losses/shared/off_diagonal.h>
#include <fovea/losses/shared/two_views.h>

namespace fovea::losses {

Tensor barlow_twins(const Tensor& z0, const Tensor& z1, double lambda) {
  check_two_views("barlow_twins", z0, z1);
  Autocast full(false);
  const double n = double(z0.size(0));
  auto standard = [](const Tensor& z) { return batch_norm(full_precision(z), {}, {}, {}, {}); };
  Tensor a = standard(z0), b = standard(z1);
  Tensor diagonal = sum(a * b, {0}) / n;
  return sum(square(1 - diagonal)) + off_diagonal_energy(a, b) * (lambda / (n * n));
}

}  // namespace fovea::losses
