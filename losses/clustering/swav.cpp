#include <fovea/losses/clustering/swav.h>

#include <fovea/core/autograd.h>
#include <fovea/core/check.h>
#include <fovea/losses/shared/cross_view.h>
#include <fovea/losses/shared/full_precision.h>

namespace fovea::losses {

Tensor swav(const Tensor& scores, int64_t views, const Tensor& queued, const SwavOptions& options) {
  check(options.codes >= 1 && views >= 2 && options.codes <= views && scores.rank() == 2 && scores.size(0) > 0 &&
            scores.size(0) % views == 0,
        "swav: want scores [V N, K] of at least two views, {} of which give codes, got {} for {} views", options.codes,
        scores.shape(), views);
  check(options.temperature > 0, "swav: want a temperature above 0, got {}", options.temperature);
  check(!queued.defined() || (queued.rank() == 2 && queued.size(1) == scores.size(1) &&
                              queued.size(0) % options.codes == 0 && queued.device() == scores.device()),
        "swav: want queued scores [{} Q, {}] on {}, got {} on {}", options.codes, scores.size(1), scores.device(),
        queued.defined() ? queued.shape() : Shape{}, queued.defined() ? queued.device() : scores.device());
  const Tensor fine = full_precision(scores);
  const int64_t n = scores.size(0) / views, waiting = queued.defined() ? queued.size(0) / options.codes : 0;
  std::vector<Tensor> codes;
  {
    NoGrad no_grad;
    const Tensor earlier = queued.defined() ? queued.to(fine.dtype()) : queued;
    for (int64_t t = 0; t < options.codes; ++t) {
      const Tensor waits = earlier.defined() ? earlier.slice(t * waiting, (t + 1) * waiting) : earlier;
      codes.push_back(sinkhorn(fine.slice(t * n, (t + 1) * n),
                               {.epsilon = options.epsilon, .iterations = options.iterations}, waits));
    }
  }
  return cross_view(fine / options.temperature, concat(codes), views);
}

}  // namespace fovea::losses
