#pragma once

#include <fovea/nn/module.h>

// Layers without weights for Sequential; each is the op of core/ops/activation.h with the same name.
namespace fovea::nn {

class ReLU : public Module {
 public:
  Tensor operator()(const Tensor& x) { return relu(x); }
  std::string describe() const override { return "ReLU()"; }
};

class LeakyReLU : public Module {
 public:
  explicit LeakyReLU(double negative_slope = 0.01) : negative_slope_(negative_slope) {}
  Tensor operator()(const Tensor& x) { return leaky_relu(x, negative_slope_); }
  std::string describe() const override;

 private:
  double negative_slope_;
};

class GELU : public Module {
 public:
  explicit GELU(GeluForm form = GeluForm::erf) : form_(form) {}
  Tensor operator()(const Tensor& x) { return gelu(x, form_); }
  std::string describe() const override { return form_ == GeluForm::erf ? "GELU()" : "GELU(tanh)"; }

 private:
  GeluForm form_;
};

class QuickGELU : public Module {
 public:
  Tensor operator()(const Tensor& x) { return quick_gelu(x); }
  std::string describe() const override { return "QuickGELU()"; }
};

class SiLU : public Module {
 public:
  Tensor operator()(const Tensor& x) { return silu(x); }
  std::string describe() const override { return "SiLU()"; }
};

class Tanh : public Module {
 public:
  Tensor operator()(const Tensor& x) { return tanh(x); }
  std::string describe() const override { return "Tanh()"; }
};

class Sigmoid : public Module {
 public:
  Tensor operator()(const Tensor& x) { return sigmoid(x); }
  std::string describe() const override { return "Sigmoid()"; }
};

class Softplus : public Module {
 public:
  Tensor operator()(const Tensor& x) { return softplus(x); }
  std::string describe() const override { return "Softplus()"; }
};

// Zeroes elements with probability p while training and scales the rest by 1 / (1 - p); draws from default_generator().
class Dropout : public Module {
 public:
  explicit Dropout(double p = 0.5) : p_(p) {}
  Tensor operator()(const Tensor& x) { return dropout(x, p_, training_); }
  std::string describe() const override;

 private:
  double p_;
};

class Identity : public Module {
 public:
  Tensor operator()(const Tensor& x) { return x; }
  std::string describe() const override { return "Identity()"; }
};

// Joins dimensions start..end; an image's [H, W, C] becomes one dimension in that order.
class Flatten : public Module {
 public:
  explicit Flatten(int start_dim = 1, int end_dim = -1) : start_(start_dim), end_(end_dim) {}
  Tensor operator()(const Tensor& x) { return flatten(x, start_, end_); }
  std::string describe() const override;

 private:
  int start_, end_;
};

}  // namespace fovea::nn
