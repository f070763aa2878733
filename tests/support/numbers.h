#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
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

}  // namespace fovea::testing
