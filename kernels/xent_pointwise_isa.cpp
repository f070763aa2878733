#include <fovea/kernels/stream.h>
#include <fovea/kernels/vector_math.h>
#include <fovea/kernels/xent_pointwise_parts.h>

namespace fovea::kernels {
namespace {

template <class Acc>
Acc sign(Acc d) {
  return Acc(d > 0) - Acc(d < 0);
}

// Each with its value f and the derivatives dx by x and dt by t.
template <class Acc>
struct Mse {
  Acc f(Acc x, Acc t) const { return (x - t) * (x - t); }
  Acc dx(Acc x, Acc t) const { return 2 * (x - t); }
  Acc dt(Acc x, Acc t) const { return -dx(x, t); }
};
template <class Acc>
struct L1 {
  Acc f(Acc x, Acc t) const { return math::abs(x - t); }
  Acc dx(Acc x, Acc t) const { return sign(x - t); }
  Acc dt(Acc x, Acc t) const { return -dx(x, t); }
};
template <class Acc>
struct SmoothL1 {
  Acc beta;
  Acc f(Acc x, Acc t) const {
    Acc d = math::abs(x - t);
    return d < beta ? d * d / (2 * beta) : d - beta / 2;
  }
  Acc dx(Acc x, Acc t) const {
    Acc d = x - t;
    return math::abs(d) < beta ? d / beta : sign(d);
  }
  Acc dt(Acc x, Acc t) const { return -dx(x, t); }
};
template <class Acc>
struct Bce {
  Acc f(Acc x, Acc t) const { return (x > 0 ? x : Acc(0)) - x * t + math::log1p(math::exp(-math::abs(x))); }
  Acc dx(Acc x, Acc t) const { return math::sigmoid(x) - t; }
  Acc dt(Acc x, Acc) const { return -x; }
};

template <class Acc, class F>
auto with_loss(PointwiseLoss loss, F&& f) {
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

}  // namespace

template <Isa I, class T>
void pointwise_part(PointwiseLoss loss, const T* x, const T* t, accumulator_t<T>* y, int64_t n) {
  using Acc = accumulator_t<T>;
  with_loss<Acc>(loss, [=](auto l) {
    for (int64_t i = 0; i < n; ++i) y[i] = l.f(Acc(x[i]), Acc(t[i]));
  });
}

template <Isa I, class T>
accumulator_t<T> pointwise_part_sum(PointwiseLoss loss, const T* x, const T* t, int64_t n) {
  using Acc = accumulator_t<T>;
  return with_loss<Acc>(loss, [=](auto l) {
    Acc sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < n; ++i) sum += l.f(Acc(x[i]), Acc(t[i]));
    return sum;
  });
}

template <Isa I, class T>
void pointwise_part_backward(PointwiseLoss loss, const T* x, const T* t, const accumulator_t<T>* dy, int64_t dy_step,
                             accumulator_t<T> scale, T* dx, T* dt, int64_t n) {
  using Acc = accumulator_t<T>;
  with_loss<Acc>(loss, [=](auto l) {
    auto slopes = [=](T* out, auto slope) {
      if (!out) return;
      if (dy_step == 0) {
        Acc factor = scale * *dy;
        for (int64_t i = 0; i < n; ++i) put(out + i, factor * slope(Acc(x[i]), Acc(t[i])));
      } else {
        for (int64_t i = 0; i < n; ++i) put(out + i, scale * dy[i] * slope(Acc(x[i]), Acc(t[i])));
      }
    };
    slopes(dx, [l](Acc a, Acc b) { return l.dx(a, b); });
    slopes(dt, [l](Acc a, Acc b) { return l.dt(a, b); });
  });
}

#define FOVEA_INSTANTIATE(T, Acc)                                                                                  \
  template void pointwise_part<kIsa>(PointwiseLoss, const T*, const T*, Acc*, int64_t);                            \
  template Acc pointwise_part_sum<kIsa>(PointwiseLoss, const T*, const T*, int64_t);                               \
  template void pointwise_part_backward<kIsa>(PointwiseLoss, const T*, const T*, const Acc*, int64_t, Acc, T*, T*, \
                                              int64_t);
FOVEA_INSTANTIATE(float, float)
FOVEA_INSTANTIATE(double, double)
FOVEA_INSTANTIATE(bf16, float)

}  // namespace fovea::kernels
