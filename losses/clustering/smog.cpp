#include <fovea/losses/clustering/smog.h>

#include <fovea/core/autocast.h>
#include <fovea/core/autograd.h>
#include <fovea/core/check.h>
#include <fovea/losses/shared/full_precision.h>

namespace fovea::losses {

Smog::Smog(const SmogOptions& options, Generator& generator) : options_(options) {
  check(options.groups > 0 && options.features > 0 && options.beta >= 0 && options.beta <= 1 && options.temperature > 0,
        "Smog: want groups, features and temperature above 0 and beta in [0, 1], got {}, {}, {} and {}", options.groups,
        options.features, options.temperature, options.beta);
  groups.value = normalize(rand({options.groups, options.features}, generator));
}

Tensor Smog::assign(const Tensor& e) const {
  NoGrad no_grad;
  Autocast off(false);
  Tensor x = full_precision(e);
  return argmax(matmul(x, normalize(groups.value.to(x.dtype())), {.transpose_b = true}));
}

Tensor Smog::operator()(const Tensor& p0, const Tensor& e0, const Tensor& e1) {
  check(p0.rank() == 2 && p0.size(0) > 0 && p0.size(1) == options_.features && p0.shape() == e0.shape() &&
            p0.shape() == e1.shape(),
        "Smog: want predictions and both projections [N, {}], got {}, {} and {}", options_.features, p0.shape(),
        e0.shape(), e1.shape());
  Autocast off(false);
  Tensor e = full_precision(e0), old = groups.value.to(e.dtype());
  Tensor target = assign(e1), members = one_hot(assign(e0), options_.groups).to(e.dtype());  // [N, G]
  Tensor count = reshape(sum(members, {0}), {options_.groups, 1});
  Tensor means = matmul(members, e, {.transpose_a = true}) / clamp(count, 1, INFINITY);
  Tensor moved = old + clamp(count, 0, 1) * (1 - options_.beta) * (means - old);
  groups.value = moved.detach();
  Tensor cosines = matmul(normalize(full_precision(p0)), normalize(moved), {.transpose_b = true});
  return cross_entropy(cosines / options_.temperature, target);
}

void Smog::reset(const Tensor& rows, int iterations, Generator& generator) {
  check(rows.rank() == 2 && rows.size(0) >= options_.groups && rows.size(1) == options_.features,
        "Smog: want at least {} rows of {} features to make groups of, got {}", options_.groups, options_.features,
        rows.shape());
  NoGrad no_grad;
  Tensor x = full_precision(rows);
  Tensor centres = gather_rows(x, randperm(x.size(0), generator).slice(0, options_.groups).to(x.device()));
  for (int i = 0; i < iterations; ++i) centres = kmeans_update(x, kmeans_assign(x, centres), centres);
  groups.value = normalize(centres);
}

std::string Smog::describe() const {
  return fmt::format("Smog(groups={}, features={}, beta={}, temperature={})", options_.groups, options_.features,
                     options_.beta, options_.temperature);
}

}  // namespace fovea::losses
