#include <fovea/kernels/base/stores.h>
#include <fovea/kernels/rows/xent_pointwise_functors.h>
#include <fovea/kernels/rows/xent_pointwise_isa.h>

namespace fovea::kernels {

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
