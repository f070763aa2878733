#include <fovea/models/parts/prototypes.h>

#include <fovea/core/autocast.h>
#include <fovea/core/autograd.h>
#include <fovea/core/check.h>
#include <fovea/nn/layers/linear.h>

namespace fovea::models {

Prototypes::Prototypes(const PrototypesOptions& options, Generator& generator)
    : weight(nn::Linear({.in = options.in, .out = options.count, .bias = false}, generator).weight) {
  normalize_();
}

void Prototypes::normalize_() {
  NoGrad no_grad;
  weight.value.copy_(normalize(weight.value));
}

Tensor Prototypes::operator()(const Tensor& z) {
  Autocast full(false);
  return linear(z.to(weight.value.dtype()), weight);
}

std::string Prototypes::describe() const {
  return fmt::format("Prototypes(in={}, count={})", weight.value.size(1), weight.value.size(0));
}

CosineLinear::CosineLinear(const CosineLinearOptions& options, Generator& generator)
    : weight(nn::Linear({.in = options.in, .out = options.out, .bias = false}, generator).weight) {}

std::string CosineLinear::describe() const {
  return fmt::format("CosineLinear(in={}, out={})", weight.value.size(1), weight.value.size(0));
}

}  // namespace fovea::models
