#include <type_traits>

#include <fovea/kernels/base/softmax_isa.h>
#include <fovea/kernels/base/stores.h>

namespace fovea::kernels {

template <Isa I, class T>
void softmax_rows(const T* x, T* y, int64_t rows, int64_t cols) {
  using Acc = accumulator_t<T>;
  for (int64_t r = 0; r < rows; ++r, x += cols, y += cols) {
    Acc top = row_max(x, cols);
    if constexpr (std::is_same_v<T, bf16>) {
      Acc scale = 1 / row_sum_exp(x, cols, top);
      for (int64_t i = 0; i < cols; ++i) put(y + i, math::exp(Acc(x[i]) - top) * scale);
    } else {
      Acc sum = 0;
#pragma omp simd reduction(+ : sum)
      for (int64_t i = 0; i < cols; ++i) sum += y[i] = math::exp(x[i] - top);
      Acc scale = 1 / sum;
      for (int64_t i = 0; i < cols; ++i) y[i] *= scale;
    }
  }
}

template <Isa I, class T>
void softmax_backward_rows(const T* y, const T* dy, T* dx, int64_t rows, int64_t cols) {
  using Acc = accumulator_t<T>;
  for (int64_t r = 0; r < rows; ++r, y += cols, dy += cols, dx += cols) {
    Acc dot = 0;
#pragma omp simd reduction(+ : dot)
    for (int64_t i = 0; i < cols; ++i) dot += Acc(y[i]) * Acc(dy[i]);
    for (int64_t i = 0; i < cols; ++i) put(dx + i, Acc(y[i]) * (Acc(dy[i]) - dot));
  }
}

template <Isa I, class T>
void log_softmax_rows(const T* x, T* y, int64_t rows, int64_t cols) {
  using Acc = accumulator_t<T>;
  for (int64_t r = 0; r < rows; ++r, x += cols, y += cols) {
    Acc top = row_max(x, cols), log_sum = math::log(row_sum_exp(x, cols, top));
    for (int64_t i = 0; i < cols; ++i) put(y + i, (Acc(x[i]) - top) - log_sum);
  }
}

template <Isa I, class T>
void log_softmax_backward_rows(const T* y, const T* dy, T* dx, int64_t rows, int64_t cols) {
  using Acc = accumulator_t<T>;
  for (int64_t r = 0; r < rows; ++r, y += cols, dy += cols, dx += cols) {
    Acc sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < cols; ++i) sum += Acc(dy[i]);
    for (int64_t i = 0; i < cols; ++i) put(dx + i, Acc(dy[i]) - math::exp(Acc(y[i])) * sum);
  }
}

#define FOVEA_INSTANTIATE(T)                                                           \
  template void softmax_rows<kIsa>(const T*, T*, int64_t, int64_t);                    \
  template void softmax_backward_rows<kIsa>(const T*, const T*, T*, int64_t, int64_t); \
  template void log_softmax_rows<kIsa>(const T*, T*, int64_t, int64_t);                \
  template void log_softmax_backward_rows<kIsa>(const T*, const T*, T*, int64_t, int64_t);
FOVEA_INSTANTIATE(float)
FOVEA_INSTANTIATE(double)
FOVEA_INSTANTIATE(bf16)

}  // namespace fovea::kernels
