#pragma once

#include <fovea/core/random.h>
#include <fovea/nn/module.h>

namespace fovea::nn {

struct LinearOptions {
  int64_t in = 0, out = 0;
  bool bias = true;
};

// x [..., in] -> [..., out].
class Linear : public Module {
 public:
  explicit Linear(LinearOptions options, Generator& generator = default_generator());
  Tensor operator()(const Tensor& x) { return linear(x, weight, bias); }
  // With the activation fused into the product.
  Tensor relu(const Tensor& x) { return linear(x, weight, bias, Activation::relu); }
  Tensor gelu(const Tensor& x) { return linear(x, weight, bias, Activation::gelu); }
  void visit(Visitor& v) override;
  std::string describe() const override;

  Param weight;  // [out, in]
  Param bias;    // [out], or undefined
};

struct EmbeddingOptions {
  int64_t count = 0, size = 0;
};

// ids i64 of any shape, in [0, count) -> ids.shape + [size]. Rows start standard normal, as in PyTorch.
class Embedding : public Module {
 public:
  explicit Embedding(EmbeddingOptions options, Generator& generator = default_generator());
  Tensor operator()(const Tensor& ids) { return embedding(weight, ids); }
  void visit(Visitor& v) override { v("weight", weight); }
  std::string describe() const override;

  Param weight;  // [count, size]
};

}  // namespace fovea::nn
