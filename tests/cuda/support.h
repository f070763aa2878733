#pragma once

#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include <fovea/core/tensor.h>

// What tests of kernels on the device share: inputs, copies on the device, comparisons.
namespace fovea::testing {

// n values of about normal spread, the same every time; for bf16 exactly those that a bf16 holds.
template <class T>
std::vector<T> numbers(int64_t n, double seed, double scale = 1) {
  std::vector<T> x;
  for (int64_t i = 0; i < n; ++i)
    x.push_back(T(float(scale * (std::sin(seed + double(i * i % 10007)) + 0.7 * std::cos(seed * double(i))))));
  return x;
}

template <class T>
std::vector<double> widened(const std::vector<T>& x) {
  return std::vector<double>(x.begin(), x.end());
}

// A copy on the device, `offset` elements behind an aligned address.
template <class T>
class OnDevice {
 public:
  explicit OnDevice(const std::vector<T>& values, int64_t offset = 0)
      : count_(int64_t(values.size())), offset_(offset) {
    std::vector<T> padded(size_t(offset), T(0));
    padded.insert(padded.end(), values.begin(), values.end());
    tensor_ = Tensor::from<T>({offset + count_}, padded).to(Device::cuda());
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
  int64_t count_, offset_;
  Tensor tensor_;
};

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

}  // namespace fovea::testing
