#include <fovea/kernels/optim/optim_isa.h>

namespace fovea::kernels {

template <Isa I, class T>
void sgd_chunk(int64_t size, T* weight, const T* gradient, T* first, const SgdFactors<T>& k) {
  const T lr = k.lr, momentum = k.momentum, decay = k.decay, ratio = k.ratio;
  if (!first) {
#pragma omp simd
    for (int64_t i = 0; i < size; ++i) weight[i] -= lr * (ratio * (gradient[i] + decay * weight[i]));
    return;
  }
  const T of_gradient = k.nesterov ? T(1) : T(0), of_first = k.nesterov ? momentum : T(1);
#pragma omp simd
  for (int64_t i = 0; i < size; ++i) {
    T u = ratio * (gradient[i] + decay * weight[i]), m = momentum * first[i] + u;
    first[i] = m;
    weight[i] -= lr * (of_gradient * u + of_first * m);
  }
}

static inline float root_of(float x) {
  return __builtin_sqrtf(x);
}
static inline double root_of(double x) {
  return __builtin_sqrt(x);
}

template <Isa I, class T>
void adam_chunk(int64_t size, T* weight, const T* gradient, T* first, T* second, const AdamFactors<T>& k) {
  const T beta1 = k.beta1, beta2 = k.beta2, rest1 = k.rest1, rest2 = k.rest2;
  const T rate = k.rate, root = k.root, eps = k.eps, keep = k.keep, decay = k.decay;
#pragma omp simd
  for (int64_t i = 0; i < size; ++i) {
    T w = weight[i] * keep, g = gradient[i] + decay * weight[i];
    T m = beta1 * first[i] + rest1 * g, v = beta2 * second[i] + rest2 * g * g;
    first[i] = m;
    second[i] = v;
    weight[i] = w - rate * m / (root_of(v) * root + eps);
  }
}

template <Isa I, class T>
Squares squares_chunk(int64_t size, const T* x, const T* y, T decay) {
  double plain = 0, decayed = 0;
  if (y) {
#pragma omp simd reduction(+ : plain, decayed)
    for (int64_t i = 0; i < size; ++i) {
      T u = x[i] + decay * y[i];
      plain += double(x[i]) * double(x[i]);
      decayed += double(u) * double(u);
    }
  } else {
#pragma omp simd reduction(+ : plain)
    for (int64_t i = 0; i < size; ++i) plain += double(x[i]) * double(x[i]);
    decayed = plain;
  }
  return {plain, decayed};
}

template <Isa I, class T>
void scale_chunk(int64_t size, T* x, T factor) {
#pragma omp simd
  for (int64_t i = 0; i < size; ++i) x[i] *= factor;
}

template <Isa I, class T>
void ema_chunk(int64_t size, T* teacher, const T* student, T momentum, T rest) {
#pragma omp simd
  for (int64_t i = 0; i < size; ++i) teacher[i] = momentum * teacher[i] + rest * student[i];
}

#define FOVEA_INSTANTIATE(T)                                                               \
  template void sgd_chunk<kIsa, T>(int64_t, T*, const T*, T*, const SgdFactors<T>&);       \
  template void adam_chunk<kIsa, T>(int64_t, T*, const T*, T*, T*, const AdamFactors<T>&); \
  template Squares squares_chunk<kIsa, T>(int64_t, const T*, const T*, T);                 \
  template void scale_chunk<kIsa, T>(int64_t, T*, T);                                      \
  template void ema_chunk<kIsa, T>(int64_t, T*, const T*, T, T);
FOVEA_INSTANTIATE(float)
FOVEA_INSTANTIATE(double)

}  // namespace fovea::kernels
