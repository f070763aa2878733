#include <fovea/kernels/xent_pointwise.h>

#include <algorithm>

#include <fovea/kernels/base/for_each_part.h>
#include <fovea/kernels/rows/xent_pointwise_isa.h>
#include <fovea/kernels/scratch.h>

namespace fovea::kernels {

template <class T>
void pointwise_loss(Cpu&, PointwiseLoss loss, const T* x, const T* t, accumulator_t<T>* y, int64_t n) {
  for_each_part(n, [&](int64_t begin, int64_t end) {
    with_isa([&]<Isa I>() { pointwise_part<I>(loss, x + begin, t + begin, y + begin, end - begin); });
  });
}

template <class T>
void pointwise_loss_sum(Cpu&, PointwiseLoss loss, const T* x, const T* t, double scale, accumulator_t<T>* y,
                        int64_t n) {
  constexpr int64_t kPart = 4096;
  const int64_t parts = (n + kPart - 1) / kPart;
  Scratch scratch;
  auto* sums = scratch.take<accumulator_t<T>>(size_t(parts));
#pragma omp parallel for schedule(static) if (n > kParallelGrain)
  for (int64_t p = 0; p < parts; ++p) {
    int64_t begin = p * kPart;
    with_isa([&]<Isa I>() { sums[p] = pointwise_part_sum<I>(loss, x + begin, t + begin, std::min(kPart, n - begin)); });
  }
  double sum = 0;
  for (int64_t p = 0; p < parts; ++p) sum += double(sums[p]);
  *y = accumulator_t<T>(scale * sum);
}

template <class T>
void pointwise_loss_backward(Cpu&, PointwiseLoss loss, const T* x, const T* t, const accumulator_t<T>* dy,
                             int64_t dy_step, double scale, T* dx, T* dt, int64_t n) {
  for_each_part(n, [&](int64_t begin, int64_t end) {
    with_isa([&]<Isa I>() {
      pointwise_part_backward<I>(loss, x + begin, t + begin, dy + begin * dy_step, dy_step, accumulator_t<T>(scale),
                                 dx ? dx + begin : nullptr, dt ? dt + begin : nullptr, end - begin);
    });
  });
}

#define FOVEA_INSTANTIATE(T, Acc)                                                                                    \
  template void pointwise_loss<T>(Cpu&, PointwiseLoss, const T*, const T*, Acc*, int64_t);                           \
  template void pointwise_loss_sum<T>(Cpu&, PointwiseLoss, const T*, const T*, double, Acc*, int64_t);               \
  template void pointwise_loss_backward<T>(Cpu&, PointwiseLoss, const T*, const T*, const Acc*, int64_t, double, T*, \
                                           T*, int64_t);
FOVEA_INSTANTIATE(float, float)
FOVEA_INSTANTIATE(double, double)
FOVEA_INSTANTIATE(bf16, float)

}  // namespace fovea::kernels
