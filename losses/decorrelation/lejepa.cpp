#include <fovea/losses/decorrelation/lejepa.h>

#include <fovea/core/check.h>
#include <fovea/core/ops.h>
#include <fovea/losses/shared/full_precision.h>

namespace fovea::losses {

Tensor lejepa(const Tensor& z, int64_t globals, const Tensor& directions, double lambda) {
  check(z.rank() == 3 && globals > 0 && globals <= z.size(0),
        "lejepa: want embeddings [V, N, D] with 1 to V global views, got {} with {}", z.shape(), globals);
  check(lambda >= 0 && lambda <= 1, "lejepa: want lambda in [0, 1], got {}", lambda);
  Tensor x = full_precision(z);
  Tensor apart = x - mean(x.slice(0, globals), {0}, true);
  return sigreg(x, directions) * lambda + mean(square(apart)) * (1 - lambda);
}

}  // namespace fovea::losses
