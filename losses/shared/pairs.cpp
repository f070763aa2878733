#include <fovea/losses/shared/pairs.h>

#include <fovea/core/autocast.h>
#include <fovea/core/check.h>
#include <fovea/core/ops/arith.h>
#include <fovea/core/ops/linear.h>
#include <fovea/core/ops/reduce.h>
#include <fovea/core/ops/shape.h>
#include <fovea/losses/shared/full_precision.h>

namespace fovea::losses {

void check_pairs(const char* loss, const Tensor& z0, const Tensor& z1, int64_t least) {
  check(z0.rank() == 2 && z0.size(0) >= least, "{}: want rows [N, D] with N of at least {}, got {}", loss, least,
        z0.shape());
  check(z0.shape() == z1.shape() && z0.dtype() == z1.dtype() && z0.device() == z1.device(),
        "{}: want two views alike, got {} {} on {} and {} {} on {}", loss, name_of(z0.dtype()), z0.shape(), z0.device(),
        name_of(z1.dtype()), z1.shape(), z1.device());
}

// Rows of n + 1 that begin with a one, read as rows of n: each one lies a column further on.
Tensor diagonal(int64_t n, Device device) {
  Tensor ones = Tensor::ones({n, 1}, Dtype::u8, device);
  return pad(ones, {{}, {0, n}}).reshape({n * (n + 1)}).slice(0, n * n).reshape({n, n});
}

Tensor similarities(const Tensor& z, double scale) {
  Autocast no_autocast(false);
  Tensor unit = normalize(full_precision(z));
  Tensor nothing = Tensor::full({}, -1e9, unit.dtype(), unit.device());
  return where(diagonal(z.size(0), z.device()), nothing, matmul(unit * scale, unit, {.transpose_b = true}));
}

}  // namespace fovea::losses
