#pragma once

// Private to kernels/{optim,ema}*.cpp: one step over one chunk. Coefficients come ready for use.
#include <cstdint>

#include <fovea/kernels/isa.h>

namespace fovea::kernels {

// u = ratio (g + decay w);  if first: first = momentum first + u, and the step is first (nesterov: u + momentum first).
template <class T>
struct SgdFactors {
  T lr, momentum, decay, ratio;
  bool nesterov;
};
template <Isa I, class T>
void sgd_chunk(int64_t size, T* weight, const T* gradient, T* first, const SgdFactors<T>& k);

// g += decay w;  w *= keep;  w -= rate first / (sqrt(second) root + eps)
template <class T>
struct AdamFactors {
  T beta1, beta2, rest1, rest2, rate, root, eps, keep, decay;  // rest = 1 - beta
};
template <Isa I, class T>
void adam_chunk(int64_t size, T* weight, const T* gradient, T* first, T* second, const AdamFactors<T>& k);

// Sums of x^2 and of (x + decay y)^2; y may be null, and both are sums of x^2 then.
struct Squares {
  double plain, decayed;
};
template <Isa I, class T>
Squares squares_chunk(int64_t size, const T* x, const T* y, T decay);

template <Isa I, class T>
void scale_chunk(int64_t size, T* x, T factor);
template <Isa I, class T>
void ema_chunk(int64_t size, T* teacher, const T* student, T momentum, T rest);

}  // namespace fovea::kernels
