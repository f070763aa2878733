#include <fovea/losses/contrastive/instance.h>

#include <cmath>

#include <fovea/core/autocast.h>
#include <fovea/core/check.h>
#include <fovea/losses/shared/full_precision.h>

namespace fovea::losses {

namespace {

void check_rows(const char* what, const Tensor& v, const Tensor& rows, const char* name) {
  check(v.rank() == 2 && v.size(0) > 0 && rows.rank() == 2 && rows.size(0) > 0 && rows.size(1) == v.size(1),
        "{}: want features [N, D] and {} [n, D], got {} and {}", what, name, v.shape(), rows.shape());
}

}  // namespace

Tensor instance_softmax(const Tensor& v, const Tensor& bank, const Tensor& index, double temperature) {
  check_rows("instance_softmax", v, bank, "a bank");
  check(temperature > 0, "instance_softmax: want a temperature above 0, got {}", temperature);
  const Autocast off(false);
  Tensor scaled = normalize(full_precision(v)) / temperature;
  return cross_entropy(matmul(scaled, bank.detach().to(scaled.dtype()), {.transpose_b = true}), index);
}

InstanceNce::InstanceNce(const InstanceNceOptions& options) : options_(options), z_(Tensor::zeros({})) {
  check(options.images > 0 && options.temperature > 0,
        "InstanceNce: want images and a temperature above 0, got {} and {}", options.images, options.temperature);
}

Tensor InstanceNce::operator()(const Tensor& v, const Tensor& positive, const Tensor& noise) {
  check_rows("InstanceNce", v, noise, "noise");
  check(positive.shape() == v.shape(), "InstanceNce: want one positive for each of {}, got {}", v.shape(),
        positive.shape());
  const Autocast off(false);
  const int64_t n = v.size(0), k = noise.size(0);
  Tensor scaled = normalize(full_precision(v)) / options_.temperature;
  const Dtype dtype = scaled.dtype();
  Tensor own = sum(scaled * positive.detach().to(dtype), {1});
  Tensor other = matmul(scaled, noise.detach().to(dtype), {.transpose_b = true});
  {
    NoGrad no_grad;
    Tensor guess = (sum(exp(own)) + sum(exp(other))) * (double(options_.images) / double(n * (k + 1)));
    z_.value = where(z_.value > 0, z_.value, guess.to(Dtype::f32));
  }
  Tensor threshold = log(z_.value.to(dtype)) + std::log(double(k) / double(options_.images));
  return mean(softplus(threshold - own)) + sum(softplus(other - threshold)) / double(n);
}

}  // namespace fovea::losses
