#pragma once

#include <fovea/nn/module.h>

// Pooling of images [N, H, W, C].
namespace fovea::nn {

class MaxPool2d : public Module {
 public:
  explicit MaxPool2d(const Pool2dOptions& options) : options_(options) {}
  Tensor operator()(const Tensor& x) { return max_pool2d(x, options_); }
  std::string describe() const override;

 private:
  Pool2dOptions options_;
};

class AvgPool2d : public Module {
 public:
  explicit AvgPool2d(const Pool2dOptions& options) : options_(options) {}
  Tensor operator()(const Tensor& x) { return avg_pool2d(x, options_); }
  std::string describe() const override;

 private:
  Pool2dOptions options_;
};

// To [N, output.h, output.w, C], whatever H and W are.
class AdaptiveAvgPool2d : public Module {
 public:
  explicit AdaptiveAvgPool2d(Size2 output) : output_(output) {}
  Tensor operator()(const Tensor& x) { return adaptive_avg_pool2d(x, output_); }
  std::string describe() const override;

 private:
  Size2 output_;
};

}  // namespace fovea::nn
