#pragma once

#include <cmath>

#include <fovea/core/tensor.h>

namespace fovea::testing {

// 2 sin(0.7 i) + 0.1 (i mod 5) in f64: the input of the PyTorch runs whose results tests quote.
inline Tensor waves(Shape shape) {
  Tensor t = Tensor::empty(shape, Dtype::f64);
  for (int64_t i = 0; i < t.numel(); ++i) t.data<double>()[i] = 2 * std::sin(0.7 * double(i)) + 0.1 * double(i % 5);
  return t;
}

}  // namespace fovea::testing
