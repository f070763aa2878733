#include <fovea/models/training/online_probe.h>

#include <utility>

#include <fovea/core/ops.h>
#include <fovea/models/eval/features.h>

namespace fovea::models {

// Its own generator: the method draws the same numbers with a probe and without.
static nn::Linear seeded_linear(int64_t in, int64_t out) {
  Generator generator(0);
  return nn::Linear({.in = in, .out = out}, generator);
}

OnlineProbe::OnlineProbe(const OnlineProbeOptions& options)
    : norm_({.features = options.features, .affine = false}),
      fc_(seeded_linear(options.features, options.classes)),
      optimizer_(nn::decay_groups(fc_), {.lr = 0.1}) {}

void OnlineProbe::learn(const Tensor& features, const Tensor& labels) {
  const int64_t views = features.size(0) / labels.size(0);
  const Tensor targets = views == 1 ? labels : concat(std::vector<Tensor>(size_t(views), labels));
  const Tensor logits = fc_(norm_(features.detach().to(Dtype::f32)));
  {
    NoGrad no_grad;
    const Tensor right = sum((argmax(logits) == targets).to(Dtype::f32));
    right_ = seen_ > 0 ? right_ + right : right;
    seen_ += targets.numel();
  }
  optimizer_.zero_grad();
  cross_entropy(logits, targets).backward();
  optimizer_.step();
}

std::optional<double> OnlineProbe::accuracy() {
  if (seen_ == 0) return {};
  return right_.item() / double(std::exchange(seen_, 0));
}

Tensor OnlineProbe::predict(const Tensor& features) {
  NoGrad no_grad;
  models::EvalMode eval(*this);
  return argmax(fc_(norm_(features)));
}

}  // namespace fovea::models
