#pragma once

// Private to kernels/xent_pointwise*: the losses of xent_pointwise.h, one body for every device.
#include <fovea/kernels/vector_math.h>
#include <fovea/kernels/xent_pointwise.h>

namespace fovea::kernels {

template <class Acc>
FOVEA_HD inline Acc sign_of(Acc d) {
  return Acc(d > 0) - Acc(d < 0);
}

// Each with its value f and the derivatives dx by x and dt by t.
template <class Acc>
struct Mse {
  FOVEA_HD Acc f(Acc x, Acc t) const { return (x - t) * (x - t); }
  FOVEA_HD Acc dx(Acc x, Acc t) const { return 2 * (x - t); }
  FOVEA_HD Acc dt(Acc x, Acc t) const { return -dx(x, t); }
};
template <class Acc>
struct L1 {
  FOVEA_HD Acc f(Acc x, Acc t) const { return math::abs(x - t); }
  FOVEA_HD Acc dx(Acc x, Acc t) const { return sign_of(x - t); }
  FOVEA_HD Acc dt(Acc x, Acc t) const { return -dx(x, t); }
};
template <class Acc>
struct SmoothL1 {
  Acc beta;
  FOVEA_HD Acc f(Acc x, Acc t) const {
    Acc d = math::abs(x - t);
    return d < beta ? d * d / (2 * beta) : d - beta / 2;
  }
  FOVEA_HD Acc dx(Acc x, Acc t) const {
    Acc d = x - t;
    return math::abs(d) < beta ? d / beta : sign_of(d);
  }
  FOVEA_HD Acc dt(Acc x, Acc t) const { return -dx(x, t); }
};
template <class Acc>
struct Bce {
  FOVEA_HD Acc f(Acc x, Acc t) const { return (x > 0 ? x : Acc(0)) - x * t + math::log1p(math::exp(-math::abs(x))); }
  FOVEA_HD Acc dx(Acc x, Acc t) const { return math::sigmoid(x) - t; }
  FOVEA_HD Acc dt(Acc x, Acc) const { return -x; }
};

// Calls f with the functor of the loss.
template <class Acc, class F>
static inline auto with_loss(PointwiseLoss loss, F&& f) {
  switch (loss.kind) {
    case Pointwise::mse:
      return f(Mse<Acc>{});
    case Pointwise::l1:
      return f(L1<Acc>{});
    case Pointwise::smooth_l1:
      return f(SmoothL1<Acc>{Acc(loss.beta)});
    default:
      return f(Bce<Acc>{});
  }
}

}  // namespace fovea::kernels
