#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include <fovea/kernels/bf16.h>
#include <fovea/kernels/random.h>

// Numbers for kernel tests, which know no tensors.
namespace fovea::testing {

// Standard normal, the same every time; another stream for every seed.
inline std::vector<float> pseudo_normal(int64_t n, uint64_t seed) {
  std::vector<float> out(static_cast<size_t>(n));
  kernels::fill_normal(kernels::cpu(), out.data(), n, 0, 1, {seed, 0});
  return out;
}

// n values of about normal spread and at most 1.7 scale, the same every time; those of bf16 are exact in every type.
template <class T>
std::vector<T> numbers(int64_t n, double seed, double scale = 1) {
  std::vector<T> x;
  for (int64_t i = 0; i < n; ++i)
    x.push_back(T(float(scale * (std::sin(seed + double(i * i % 10007)) + 0.7 * std::cos(seed * double(i))))));
  return x;
}

template <class T, class U>
std::vector<T> as(const std::vector<U>& x) {
  std::vector<T> out;
  for (U v : x) out.push_back(T(float(v)));
  return out;
}
template <class T>
std::vector<double> widened(const std::vector<T>& x) {
  return std::vector<double>(x.begin(), x.end());
}

// The largest |a - b| over the largest |b|, or infinity where a value is not finite.
template <class A, class B>
double difference(const std::vector<A>& a, const std::vector<B>& b) {
  if (a.size() != b.size()) return std::numeric_limits<double>::infinity();
  double worst = 0, scale = 1e-30;
  for (size_t i = 0; i < a.size(); ++i) {
    double apart = std::abs(double(a[i]) - double(b[i]));
    if (!std::isfinite(apart)) return std::numeric_limits<double>::infinity();
    worst = std::max(worst, apart), scale = std::max(scale, std::abs(double(b[i])));
  }
  return worst / scale;
}

// The largest |a - b| / (1 + |b|); infinity when the sizes differ or a value is not finite on one side only.
template <class T>
double largest_difference(const std::vector<T>& a, const std::vector<T>& b) {
  if (a.size() != b.size()) return INFINITY;
  double worst = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double x = double(a[i]), y = double(b[i]);
    if (x == y || (std::isnan(x) && std::isnan(y))) continue;
    if (!std::isfinite(x) || !std::isfinite(y)) return INFINITY;
    worst = std::max(worst, std::abs(x - y) / (1 + std::abs(y)));
  }
  return worst;
}

// The root of the sum of (a - b)^2 over that of b^2.
template <class A, class B>
double mean_difference(const std::vector<A>& a, const std::vector<B>& b) {
  if (a.size() != b.size()) return INFINITY;
  double apart = 0, size = 0;
  for (size_t i = 0; i < b.size(); ++i) {
    apart += std::pow(double(a[i]) - double(b[i]), 2);
    size += std::pow(double(b[i]), 2);
  }
  return std::sqrt(apart / std::max(size, 1e-30));
}

}  // namespace fovea::testing
