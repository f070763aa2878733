#include <fovea/losses/shared/cross_view.h>

#include <fovea/core/autograd.h>
#include <fovea/core/check.h>

namespace fovea::losses {

namespace {

// For each view the sum of the targets that other views give.
Tensor targets_of_others(const Tensor& targets, int64_t views, int64_t n) {
  NoGrad no_grad;
  const int64_t givers = targets.size(0) / n;
  auto others = [&](int64_t view) {
    Tensor total;
    for (int64_t t = 0; t < givers; ++t) {
      if (t == view) continue;
      Tensor rows = targets.slice(t * n, (t + 1) * n);
      total = total.defined() ? total + rows : rows;
    }
    return total.defined() ? total : Tensor::zeros({n, targets.size(1)}, targets.dtype(), targets.device());
  };
  std::vector<Tensor> parts;
  for (int64_t view = 0; view < givers; ++view) parts.push_back(others(view));
  if (views > givers) parts.resize(size_t(views), others(givers));  // all views without targets meet the same sum
  return concat(parts);
}

}  // namespace

Tensor cross_view(const Tensor& logits, const Tensor& targets, int64_t views) {
  check(views >= 2 && logits.rank() == 2 && logits.size(0) > 0 && logits.size(0) % views == 0,
        "cross_view: want logits [V N, K] of at least two views, got {} for {} views", logits.shape(), views);
  const int64_t n = logits.size(0) / views;
  check(targets.rank() == 2 && targets.size(1) == logits.size(1) && targets.size(0) > 0 && targets.size(0) % n == 0 &&
            targets.size(0) <= logits.size(0) && targets.dtype() == logits.dtype() &&
            targets.device() == logits.device(),
        "cross_view: want targets [T N, K] of at most {} views of {} images, of the logits' classes, dtype and device "
        "({} {} on {}), got {} {} on {}",
        views, n, name_of(logits.dtype()), logits.shape(), logits.device(), name_of(targets.dtype()), targets.shape(),
        targets.device());
  const int64_t pairs = targets.size(0) * (views - 1);  // of a target and a prediction, all images
  return soft_cross_entropy(logits, targets_of_others(targets.detach(), views, n), Reduction::sum) / double(pairs);
}

}  // namespace fovea::losses
