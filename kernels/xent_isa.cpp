#include <fovea/kernels/softmax_rows.h>
#include <fovea/kernels/stream.h>
#include <fovea/kernels/xent_rows.h>

namespace fovea::kernels {

template <Isa I, class T>
void xent_rows(const T* x, HardTarget target, accumulator_t<T>* loss, accumulator_t<T>* lse, int64_t rows,
               int64_t cols) {
  using Acc = accumulator_t<T>;
  const Acc smoothing = Acc(target.smoothing);
  for (int64_t r = 0; r < rows; ++r, x += cols) {
    lse[r] = row_log_sum_exp(x, cols);
    if (target.labels[r] == target.ignored) {
      loss[r] = 0;
      continue;
    }
    Acc chosen = lse[r] - Acc(x[target.labels[r]]);
    if (smoothing > 0) {
      Acc all = 0;
#pragma omp simd reduction(+ : all)
      for (int64_t c = 0; c < cols; ++c) all += lse[r] - Acc(x[c]);
      chosen = (1 - smoothing) * chosen + smoothing * all / Acc(cols);
    }
    loss[r] = chosen;
  }
}

template <Isa I, class T>
void xent_backward_rows(const T* x, HardTarget target, const accumulator_t<T>* lse, const accumulator_t<T>* dy,
                        int64_t dy_step, accumulator_t<T> scale, T* dx, int64_t rows, int64_t cols) {
  using Acc = accumulator_t<T>;
  const Acc smoothing = Acc(target.smoothing), spread = smoothing / Acc(cols);
  for (int64_t r = 0; r < rows; ++r, x += cols, dx += cols) {
    if (target.labels[r] == target.ignored) {
      for (int64_t c = 0; c < cols; ++c) put(dx + c, Acc(0));
      continue;
    }
    Acc factor = scale * dy[r * dy_step], log_sum = lse[r];
    for (int64_t c = 0; c < cols; ++c) put(dx + c, factor * (math::exp(Acc(x[c]) - log_sum) - spread));
    int64_t label = target.labels[r];
    put(dx + label, factor * (math::exp(Acc(x[label]) - log_sum) - spread - (1 - smoothing)));
  }
}

template <Isa I, class T>
void soft_xent_rows(const T* x, const T* target, accumulator_t<T>* loss, accumulator_t<T>* lse, int64_t rows,
                    int64_t cols) {
  using Acc = accumulator_t<T>;
  for (int64_t r = 0; r < rows; ++r, x += cols, target += cols) {
    Acc log_sum = row_log_sum_exp(x, cols), sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t c = 0; c < cols; ++c) sum += Acc(target[c]) * (log_sum - Acc(x[c]));
    lse[r] = log_sum, loss[r] = sum;
  }
}

template <Isa I, class T>
void soft_xent_backward_rows(const T* x, const T* target, const accumulator_t<T>* lse, const accumulator_t<T>* dy,
                             int64_t dy_step, accumulator_t<T> scale, T* dx, int64_t rows, int64_t cols) {
  using Acc = accumulator_t<T>;
  for (int64_t r = 0; r < rows; ++r, x += cols, target += cols, dx += cols) {
    Acc factor = scale * dy[r * dy_step], log_sum = lse[r], mass = 0;
#pragma omp simd reduction(+ : mass)
    for (int64_t c = 0; c < cols; ++c) mass += Acc(target[c]);
    for (int64_t c = 0; c < cols; ++c) put(dx + c, factor * (mass * math::exp(Acc(x[c]) - log_sum) - Acc(target[c])));
  }
}

#define FOVEA_INSTANTIATE(T, Acc)                                                                                    \
  template void xent_rows<kIsa>(const T*, HardTarget, Acc*, Acc*, int64_t, int64_t);                                 \
  template void xent_backward_rows<kIsa>(const T*, HardTarget, const Acc*, const Acc*, int64_t, Acc, T*, int64_t,    \
                                         int64_t);                                                                   \
  template void soft_xent_rows<kIsa>(const T*, const T*, Acc*, Acc*, int64_t, int64_t);                              \
  template void soft_xent_backward_rows<kIsa>(const T*, const T*, const Acc*, const Acc*, int64_t, Acc, T*, int64_t, \
                                              int64_t);
FOVEA_INSTANTIATE(float, float)
FOVEA_INSTANTIATE(double, double)
FOVEA_INSTANTIATE(bf16, float)

}  // namespace fovea::kernels
