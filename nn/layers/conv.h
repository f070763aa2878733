#pragma once

#include <fovea/core/random.h>
#include <fovea/nn/module.h>

namespace fovea::nn {

struct Conv2dLayerOptions {
  int64_t in = 0, out = 0;
  Size2 kernel = 0;
  Size2 stride = 1, padding = 0, dilation = 1;
  int64_t groups = 1;
  bool bias = true;
};

// Images [N, H, W, in] -> [N, H', W', out]; sizes as in conv2d (core/ops/conv.h).
class Conv2d : public Module {
 public:
  explicit Conv2d(const Conv2dLayerOptions& options, Generator& generator = default_generator());
  Tensor operator()(const Tensor& x) { return conv2d(x, weight, bias, options_); }
  // With the activation fused into the convolution.
  Tensor relu(const Tensor& x);
  void visit(Visitor& v) override;
  std::string describe() const override;

  Param weight;  // [out, kh, kw, in / groups]
  Param bias;    // [out], or undefined

 private:
  Conv2dOptions options_;
};

struct ConvTranspose2dLayerOptions {
  int64_t in = 0, out = 0;
  Size2 kernel = 0;
  Size2 stride = 1, padding = 0, output_padding = 0, dilation = 1;
  int64_t groups = 1;
  bool bias = true;
};

// Images [N, H, W, in] -> [N, H', W', out]; sizes as in conv_transpose2d (core/ops/conv.h).
class ConvTranspose2d : public Module {
 public:
  explicit ConvTranspose2d(const ConvTranspose2dLayerOptions& options, Generator& generator = default_generator());
  Tensor operator()(const Tensor& x) { return conv_transpose2d(x, weight, bias, options_); }
  void visit(Visitor& v) override;
  std::string describe() const override;

  Param weight;  // [in, kh, kw, out / groups]
  Param bias;    // [out], or undefined

 private:
  ConvTranspose2dOptions options_;
};

}  // namespace fovea::nn
