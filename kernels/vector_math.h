#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include <fovea/kernels/host_device.h>

// Elementary functions for kernels. The float versions are branchless and call nothing, so a loop over them vectorises;
// their relative error is below 3e-7 against the exact value (tests/kernels/vector_math_test.cpp), and they keep NaN,
// infinities and subnormal results. The double versions are libm's. Polynomial coefficients are minimax fits.
namespace fovea::kernels::math {

FOVEA_HD inline int32_t bits_of(float x) {
  int32_t i;
  memcpy(&i, &x, 4);
  return i;
}
FOVEA_HD inline float float_of(int32_t i) {
  float x;
  memcpy(&x, &i, 4);
  return x;
}

FOVEA_HD inline float abs(float x) {
  return float_of(bits_of(x) & 0x7fffffff);
}
FOVEA_HD inline double abs(double x) {
  return ::fabs(x);
}
FOVEA_HD inline float copysign(float x, float sign) {
  return float_of((bits_of(x) & 0x7fffffff) | (bits_of(sign) & int32_t(0x80000000)));
}
FOVEA_HD inline float sqrt(float x) {
  return ::sqrtf(x);
}
FOVEA_HD inline double sqrt(double x) {
  return ::sqrt(x);
}

// e^x: x = n ln 2 + r with |r| <= ln 2 / 2; 2^n is multiplied in two halves, for the sake of subnormals and infinity.
FOVEA_HD inline float exp(float x) {
#ifdef __CUDA_ARCH__
  return ::expf(x);  // as exact, in a third of the instructions
#else
  x = x > 89.0f ? 89.0f : x < -104.0f ? -104.0f : x;
  constexpr float kRound = 12582912.0f;  // 1.5 * 2^23: adding it leaves the nearest integer in the low mantissa bits
  float shifted = x * 1.44269504f + kRound, n = shifted - kRound;
  float r = x - n * 0.693359375f + n * 2.12194440e-4f;
  float p = 1.381314236e-3f;
  p = p * r + 8.369419043e-3f;
  p = p * r + 4.166845683e-2f;
  p = p * r + 1.666651479e-1f;
  p = p * r + 4.999999305e-1f;
  p = p * (r * r) + r + 1.0f;
  int32_t exponent = bits_of(shifted) - bits_of(kRound), half = exponent >> 1;
  return p * float_of((half + 127) << 23) * float_of((exponent - half + 127) << 23);
#endif
}
FOVEA_HD inline double exp(double x) {
  return ::exp(x);
}

// ln x: x = 2^n m with m in [sqrt(1/2), sqrt(2)), f = m - 1.
FOVEA_HD inline float log(float x) {
  bool subnormal = x < 1.17549435e-38f;
  float scaled = subnormal ? x * 8388608.0f : x;
  int32_t i = bits_of(scaled), n = (i - 0x3f3504f3) >> 23;
  float f = float_of(i - n * (1 << 23)) - 1.0f;
  float e = float(subnormal ? n - 23 : n);
  float p = 6.746601324e-2f;
  p = p * f - 1.167564130e-1f;
  p = p * f + 1.188817460e-1f;
  p = p * f - 1.240559142e-1f;
  p = p * f + 1.421955091e-1f;
  p = p * f - 1.666799567e-1f;
  p = p * f + 2.000211873e-1f;
  p = p * f - 2.500000960e-1f;
  p = p * f + 3.333331260e-1f;
  float square = f * f;
  float y = (p * f * square - e * 2.12194440e-4f) - 0.5f * square + f + e * 0.693359375f;
  y = x == INFINITY ? x : y;
  y = x == 0.0f ? -INFINITY : y;
  return (x < 0.0f) | (x != x) ? NAN : y;
}
FOVEA_HD inline double log(double x) {
  return ::log(x);
}

// ln(1 + x) for x >= 0, exact also where 1 + x rounds.
FOVEA_HD inline float log1p(float x) {
  float y = 1.0f + x;
  return y == INFINITY ? y : log(y) - ((y - 1.0f) - x) / y;
}
FOVEA_HD inline double log1p(double x) {
  return ::log1p(x);
}

FOVEA_HD inline float tanh(float x) {
  float a = abs(x), s = x * x;
  float p = -5.704990366e-3f;
  p = p * s + 2.063909061e-2f;
  p = p * s - 5.373971626e-2f;
  p = p * s + 1.333144221e-1f;
  p = p * s - 3.333328194e-1f;
  float near = x + x * s * p, far = 1.0f - 2.0f / (exp(2.0f * a) + 1.0f);
  return copysign(a < 0.625f ? near : far, x);
}
FOVEA_HD inline double tanh(double x) {
  return ::tanh(x);
}

FOVEA_HD inline float erf(float x) {
  float a = abs(x), s = x * x;
  float p = 8.185248913e-5f;
  p = p * s - 8.097749362e-4f;
  p = p * s + 5.196957316e-3f;
  p = p * s - 2.685770796e-2f;
  p = p * s + 1.128366407e-1f;
  p = p * s - 3.761263162e-1f;
  p = p * s + 1.283791664e-1f;
  float near = x + x * p;
  float t = a > 4.0f ? 4.0f : a;  // erf(4) rounds to 1
  float q = 1.982207061e-4f;      // ln(1 - erf(t)) for t in [0.9, 4]
  q = q * t - 3.065499813e-3f;
  q = q * t + 2.231524801e-2f;
  q = q * t - 1.041137455e-1f;
  q = q * t - 6.369760132e-1f;
  q = q * t - 1.127797281f;
  q = q * t - 1.664390839e-4f;
  return a < 0.92f ? near : copysign(1.0f - exp(q), x);
}
FOVEA_HD inline double erf(double x) {
  return ::erf(x);
}

template <class T>
struct SinCos {
  T sin, cos;
};

// sin x and cos x, to 1e-7 absolute for |x| up to 10^4; beyond, where floats tell angles apart badly or not at all,
// less and less exact, but never far above 1. x = n pi / 2 + r with |r| <= pi / 4; pi / 2 is subtracted in three parts.
FOVEA_HD inline SinCos<float> sincos(float x) {
  constexpr float kRound = 12582912.0f, kFar = 1e5f;  // kRound as in exp()
  float a = x > kFar ? kFar : x < -kFar ? -kFar : x;
  float shifted = a * 0.636619772f + kRound, n = shifted - kRound;
  float r = ((a - n * 1.5703125f) - n * 4.837512970e-4f) - n * 7.549790126e-8f + (x - x), s = r * r;
  float p = -1.951729044e-4f;
  p = p * s + 8.332178085e-3f;
  p = p * s - 1.666665494e-1f;
  float q = 2.443844476e-5f;
  q = q * s - 1.388736746e-3f;
  q = q * s + 4.166664687e-2f;
  float sine = p * (s * r) + r, cosine = q * (s * s) - 0.5f * s + 1.0f;
  int32_t quarter = bits_of(shifted);  // its lowest bits are n's
  float u = quarter & 1 ? cosine : sine, v = quarter & 1 ? sine : cosine;
  return {float_of(bits_of(u) ^ int32_t(uint32_t(quarter & 2) << 30)),
          float_of(bits_of(v) ^ int32_t(uint32_t((quarter + 1) & 2) << 30))};
}
FOVEA_HD inline SinCos<double> sincos(double x) {
  return {::sin(x), ::cos(x)};
}

template <class T>
FOVEA_HD inline T sigmoid(T x) {
  return T(1) / (T(1) + exp(-x));
}

FOVEA_HD inline float pow(float x, float e) {
  return ::powf(x, e);
}  // libm: not vectorised
FOVEA_HD inline double pow(double x, double e) {
  return ::pow(x, e);
}

}  // namespace fovea::kernels::math
