#include <fovea/losses/distillation/tico.h>

#include <fovea/core/autocast.h>
#include <fovea/core/check.h>
#include <fovea/losses/shared/full_precision.h>

namespace fovea::losses {

Tico::Tico(const TicoOptions& options) : options_(options) {
  check(options.features > 0 && options.rho >= 0 && options.beta >= 0 && options.beta <= 1,
        "Tico: want features above 0, rho of at least 0 and beta in [0, 1], got {}, {} and {}", options.features,
        options.rho, options.beta);
  covariance.value = Tensor::zeros({options.features, options.features});
}

Tensor Tico::operator()(const Tensor& z0, const Tensor& z1) {
  check(z0.rank() == 2 && z0.shape() == z1.shape() && z0.size(0) > 0 && z0.size(1) == options_.features,
        "Tico: want embeddings [N, {}] of two views, got {} and {}", options_.features, z0.shape(), z1.shape());
  Autocast off(false);
  Tensor a = normalize(full_precision(z0)), b = normalize(full_precision(z1));
  const double n = double(a.size(0)), beta = options_.beta;
  Tensor batch = matmul(a, a, {.transpose_a = true}) / n;
  Tensor c = covariance.value.to(a.dtype()) * beta + (options_.detach ? batch.detach() : batch) * (1 - beta);
  covariance.value = c.detach();
  return 1 - sum(a * b) / n + options_.rho * sum(c * batch);
}

std::string Tico::describe() const {
  return fmt::format("Tico(features={}, rho={}, beta={}{})", options_.features, options_.rho, options_.beta,
                     options_.detach ? ", detach=true" : "");
}

}  // namespace fovea::losses
