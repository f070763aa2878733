#pragma once

#include <vector>

#include <fovea/core/tensor.h>

#include "support/numbers.h"

namespace fovea::testing {

// The same n numbers, `offset` plus standard normal, for the CPU in f64 and for the device in T, there `shift` elements
// behind an aligned address: inputs and outputs of tests that run a kernel's two overloads.
template <class T>
struct Operand {
  std::vector<double> exact;
  Tensor there;
  int64_t behind;

  Operand(int64_t n, uint64_t seed, double offset = 0, int64_t shift = 0) : behind(shift) {
    std::vector<T> rounded;
    for (float v : pseudo_normal(n + behind, seed)) rounded.push_back(T(v + float(offset)));
    for (int64_t i = behind; i < n + behind; ++i) exact.push_back(double(rounded[size_t(i)]));
    there = Tensor::from<T>({n + behind}, rounded).to(Device::cuda());
  }
  T* data() { return there.data<T>() + behind; }
  std::vector<double> values() const {  // the device's
    std::vector<double> got = there.to(Device::cpu()).template to_vector<double>();
    return {got.begin() + behind, got.end()};
  }
  double error() const { return largest_difference(values(), exact); }
};

}  // namespace fovea::testing
