#include <fovea/losses/decorrelation/w_mse.h>

#include <fovea/core/check.h>
#include <fovea/core/ops.h>
#include <fovea/core/ops/linalg.h>
#include <fovea/losses/shared/full_precision.h>

namespace fovea::losses {

// The mean over pairs of views of |a - b|^2 is twice the variance over the views.
static Tensor disagreement(const Tensor& z, bool normalized) {
  return mean(var(normalized ? normalize(z) : z, {0})) * (normalized ? 2.0 * double(z.size(-1)) : 2.0);
}

Tensor w_mse(const Tensor& h, const WMseOptions& o, Generator& generator) {
  check(o.views > 1 && o.group > 0 && o.iterations > 0,
        "w_mse: want two views or more, a group and an iteration, got {}, {} and {}", o.views, o.group, o.iterations);
  check(h.rank() == 2 && h.size(0) > 0 && h.size(0) % (o.views * o.group) == 0,
        "w_mse: want [{} N, D] with N a multiple of the group of {}, got {}", o.views, o.group, h.shape());
  const int64_t images = h.size(0) / o.views, d = h.size(1);
  check(o.group >= 2 * d, "w_mse: want groups of at least twice D, got {} for {}", o.group, h.shape());
  const Tensor views = full_precision(h).reshape({o.views, images, d});
  Tensor loss;
  for (int i = 0; i < o.iterations; ++i) {
    const Tensor order = expand(randperm(images, generator).to(h.device()).reshape({1, images}), {o.views, images});
    const Tensor groups = gather_tokens(views, order).reshape({-1, o.group, d});
    const Tensor part = disagreement(whiten(groups, o.eps).reshape(views.shape()), o.normalize);
    loss = i == 0 ? part : loss + part;
  }
  return loss / o.iterations;
}

}  // namespace fovea::losses
