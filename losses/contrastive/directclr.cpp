#include <fovea/losses/contrastive/directclr.h>

#include <cmath>

#include <fovea/core/check.h>
#include <fovea/core/ops/shape.h>
#include <fovea/losses/contrastive/clip.h>
#include <fovea/losses/shared/pairs.h>

namespace fovea::losses {

Tensor directclr(const Tensor& r0, const Tensor& r1, const DirectClrOptions& options) {
  const auto [channels, temperature] = options;
  check_pairs("directclr", r0, r1, 1);
  check(channels > 0 && channels <= r0.size(1), "directclr: want from 1 to {} channels, got {}", r0.size(1), channels);
  check(temperature > 0, "directclr: want a temperature above 0, got {}", temperature);
  const Dtype wide = r0.dtype() == Dtype::f64 ? Dtype::f64 : Dtype::f32;
  return clip_loss(slice(r0, 1, 0, channels), slice(r1, 1, 0, channels),
                   Tensor::full({}, -std::log(temperature), wide, r0.device()));
}

}  // namespace fovea::losses
