#pragma once

#include <vector>

#include "support/op_rows.h"
#include "vendor.h"

namespace fovea::bench {

// A row of the op table with what the forward pass computes; its backward pass computes `backward` times that.
struct LargeCase {
  testing::OpCase op;
  double flops = 0;
  double backward = 2;
  std::function<Tensor(const testing::Inputs&)> unfused = {};  // the same from simpler ops, for comparison
  VendorCall vendor = {};                                      // the same from NVIDIA's library, on CUDA
};

// A hot path in a size that an emulator can run: make() prepares the inputs on a device and returns the call.
struct CountedCase {
  std::string name;
  double flops = 0;  // what the call must compute
  std::function<std::function<void()>(Device)> make;
};
std::vector<CountedCase> counted_cases();

// Shapes of training runs: what one layer of a network at work sees.
std::vector<LargeCase> large_cases();

}  // namespace fovea::bench
