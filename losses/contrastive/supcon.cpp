#include <fovea/losses/contrastive/supcon.h>

#include <cmath>
#include <limits>

#include <fovea/core/check.h>
#include <fovea/core/ops/arith.h>
#include <fovea/core/ops/losses/loss.h>
#include <fovea/core/ops/reduce.h>
#include <fovea/core/ops/shape.h>
#include <fovea/losses/shared/pairs.h>

namespace fovea::losses {

Tensor supcon(const Tensor& z, const Tensor& labels, double temperature, SupConMean mean) {
  check(z.rank() == 2 && z.size(0) > 0, "supcon: want rows [M, D] with M of at least 1, got {}", z.shape());
  const int64_t rows = z.size(0);
  check(labels.rank() == 1 && labels.dtype() == Dtype::i64 && labels.numel() > 0 && rows % labels.numel() == 0,
        "supcon: want i64 labels [N] for {} rows, N a divisor of it, got {} {}", rows, name_of(labels.dtype()),
        labels.shape());
  check(labels.device() == z.device(), "supcon: want labels on {}, got {}", z.device(), labels.device());
  check(temperature > 0, "supcon: want a temperature above 0, got {}", temperature);

  Tensor logits = similarities(z, 1 / temperature);
  Tensor of = repeat(labels, {rows / labels.numel()});
  Tensor same = (of.reshape({rows, 1}) == of.reshape({1, rows})).to(logits.dtype());
  Tensor positive = where(diagonal(rows, z.device()), Tensor::zeros({}, logits.dtype(), z.device()), same);
  Tensor count = sum(positive, {1}, true), divisor = clamp(count, 1, std::numeric_limits<double>::infinity());
  if (mean == SupConMean::outside) return soft_cross_entropy(logits, positive / divisor);

  // log |P| + log Z - the logarithm of the sum over P, of rows that have any.
  Tensor among = where(positive == 0, Tensor::full({}, -1e9, logits.dtype(), z.device()), logits);
  Tensor losses = log(divisor) + logsumexp(logits, {1}, true) - logsumexp(among, {1}, true);
  return fovea::mean(where(count == 0, Tensor::zeros({}, logits.dtype(), z.device()), losses));
}

}  // namespace fovea::losses
