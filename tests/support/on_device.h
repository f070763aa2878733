#pragma once

#include <vector>

#include <fovea/core/tensor.h>

#include "support/numbers.h"

namespace fovea::testing {

// An array on the device, `offset` elements behind an aligned address.
template <class T>
class OnDevice {
 public:
  explicit OnDevice(const std::vector<T>& values, int64_t offset = 0) : offset_(offset) {
    std::vector<T> padded(size_t(offset), T(0));
    padded.insert(padded.end(), values.begin(), values.end());
    tensor_ = Tensor::from<T>({int64_t(padded.size())}, padded).to(Device::cuda());
  }
  OnDevice(const OnDevice&) = delete;
  OnDevice& operator=(const OnDevice&) = delete;
  static OnDevice zeros(int64_t count, int64_t offset = 0) {
    return OnDevice(std::vector<T>(size_t(count), T(0)), offset);
  }
  T* data() { return tensor_.data<T>() + offset_; }
  std::vector<T> host() const {
    std::vector<T> all = tensor_.to_vector<T>();
    return {all.begin() + offset_, all.end()};
  }

 private:
  int64_t offset_;
  Tensor tensor_;
};

// The same n numbers, `mean` plus standard normal, for the CPU in f64 and for the device in T: inputs and outputs of
// tests that run a kernel's two overloads.
template <class T>
class OnBoth {
 public:
  OnBoth(int64_t n, uint64_t seed, double mean = 0, int64_t offset = 0) : OnBoth(around(mean, n, seed), offset) {}
  T* data() { return there_.data(); }
  std::vector<double> values() const { return widened(there_.host()); }  // the device's
  double error() const { return largest_difference(values(), exact); }

  std::vector<double> exact;

 private:
  OnBoth(const std::vector<T>& values, int64_t offset) : exact(widened(values)), there_(values, offset) {}
  static std::vector<T> around(double mean, int64_t n, uint64_t seed) {
    std::vector<T> out;
    for (float v : pseudo_normal(n, seed)) out.push_back(T(v + float(mean)));
    return out;
  }
  OnDevice<T> there_;
};

}  // namespace fovea::testing
