#include <fovea/nn/layers/pool.h>

#include <fovea/core/check.h>

namespace fovea::nn {

namespace {

std::string pool_str(const char* name, const Pool2dOptions& o) {
  return fmt::format("{}(kernel={}, stride={}, padding={})", name, o.kernel, o.stride == Size2(0) ? o.kernel : o.stride,
                     o.padding);
}

}  // namespace

std::string MaxPool2d::describe() const {
  return pool_str("MaxPool2d", options_);
}

std::string AvgPool2d::describe() const {
  return pool_str("AvgPool2d", options_);
}

std::string AdaptiveAvgPool2d::describe() const {
  return fmt::format("AdaptiveAvgPool2d({})", output_);
}

}  // namespace fovea::nn
