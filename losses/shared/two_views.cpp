#include <fovea/losses/shared/two_views.h>

#include <fovea/core/check.h>

namespace fovea::losses {

void check_two_views(const char* loss, const Tensor& z0, const Tensor& z1) {
  check(z0.rank() >= 2 && z0.size(0) >= 2, "{}: want embeddings [N, D] of at least two images, got {}", loss,
        z0.shape());
  check(z1.shape() == z0.shape() && z1.dtype() == z0.dtype() && z1.device() == z0.device(),
        "{}: want two views of one shape, dtype and device ({} {} on {}), got {} {} on {}", loss, name_of(z0.dtype()),
        z0.shape(), z0.device(), name_of(z1.dtype()), z1.shape(), z1.device());
}

}  // namespace fovea::losses
