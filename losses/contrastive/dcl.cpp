#include <fovea/losses/contrastive/dcl.h>

#include <fovea/core/autograd.h>
#include <fovea/core/check.h>
#include <fovea/core/ops/activation.h>
#include <fovea/core/ops/arith.h>
#include <fovea/core/ops/reduce.h>
#include <fovea/losses/shared/full_precision.h>
#include <fovea/losses/shared/pairs.h>

namespace fovea::losses {

Tensor dclw_weight(const Tensor& z0, const Tensor& z1, double sigma) {
  check_pairs("dclw", z0, z1, 2);
  check(sigma > 0, "dclw: want a sigma above 0, got {}", sigma);
  NoGrad no_grad;
  return 2 - double(z0.size(0)) * softmax(cosine_similarity(full_precision(z0), full_precision(z1)) / sigma);
}

Tensor dclw(const Tensor& z0, const Tensor& z1, const DclwOptions& options) {
  return dcl(z0, z1, options.temperature, dclw_weight(z0, z1, options.sigma));
}

}  // namespace fovea::losses
