#include <fovea/kernels/base/stores.h>
#include <fovea/kernels/norm/norm_layer_isa.h>

namespace fovea::kernels {

static inline float root_of(float x) {
  return __builtin_sqrtf(x);
}
static inline double root_of(double x) {
  return __builtin_sqrt(x);
}

template <Isa I, class T>
void layer_norm_row(int64_t cols, const T* x, const accumulator_t<T>* weight, const accumulator_t<T>* bias,
                    accumulator_t<T> eps, T* y, accumulator_t<T>* mean, accumulator_t<T>* invstd) {
  using A = accumulator_t<T>;
  A sum = 0, squares = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t c = 0; c < cols; ++c) sum += A(x[c]);
  const A m = sum / A(cols);
#pragma omp simd reduction(+ : squares)
  for (int64_t c = 0; c < cols; ++c) squares += (A(x[c]) - m) * (A(x[c]) - m);
  const A k = 1 / root_of(squares / A(cols) + eps);
#pragma omp simd
  for (int64_t c = 0; c < cols; ++c) put(y + c, (A(x[c]) - m) * k * weight[c] + bias[c]);
  *mean = m;
  *invstd = k;
}

template <Isa I, class T>
void layer_norm_gradient_row(int64_t cols, const T* x, const accumulator_t<T>* weight, accumulator_t<T> mean,
                             accumulator_t<T> invstd, const T* dy, T* dx, accumulator_t<T>* dweight,
                             accumulator_t<T>* dbias) {
  using A = accumulator_t<T>;
  A sum = 0, moment = 0;
#pragma omp simd reduction(+ : sum, moment)
  for (int64_t c = 0; c < cols; ++c) {
    const A normed = (A(x[c]) - mean) * invstd, d = A(dy[c]), g = d * weight[c];
    sum += g;
    moment += g * normed;
    dweight[c] += d * normed;
    dbias[c] += d;
  }
  sum /= A(cols);
  moment /= A(cols);
#pragma omp simd
  for (int64_t c = 0; c < cols; ++c) {
    const A normed = (A(x[c]) - mean) * invstd;
    put(dx + c, invstd * (A(dy[c]) * weight[c] - sum - normed * moment));
  }
}

#define FOVEA_INSTANTIATE(T)                                                                                   \
  template void layer_norm_row<kIsa, T>(int64_t, const T*, const accumulator_t<T>*, const accumulator_t<T>*,   \
                                        accumulator_t<T>, T*, accumulator_t<T>*, accumulator_t<T>*);           \
  template void layer_norm_gradient_row<kIsa, T>(int64_t, const T*, const accumulator_t<T>*, accumulator_t<T>, \
                                                 accumulator_t<T>, const T*, T*, accumulator_t<T>*,            \
                                                 accumulator_t<T>*);
FOVEA_INSTANTIATE(float)
FOVEA_INSTANTIATE(double)
FOVEA_INSTANTIATE(bf16)

}  // namespace fovea::kernels
