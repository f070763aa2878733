#include <fovea/nn/layers/linear.h>

#include <fovea/core/check.h>
#include <fovea/nn/init.h>

namespace fovea::nn {

Linear::Linear(LinearOptions options, Generator& generator) {
  check(options.in > 0 && options.out > 0, "Linear: want positive sizes, got in={}, out={}", options.in, options.out);
  weight = Param(Tensor::empty({options.out, options.in}));
  if (options.bias) bias = Param(Tensor::empty({options.out}));
  default_init_(weight.value, bias.value, generator);
}

void Linear::visit(Visitor& v) {
  v("weight", weight);
  v("bias", bias);
}

std::string Linear::describe() const {
  return fmt::format("Linear(in={}, out={}{})", weight.value.size(1), weight.value.size(0),
                     bias.value.defined() ? "" : ", bias=false");
}

Embedding::Embedding(EmbeddingOptions options, Generator& generator) {
  check(options.count > 0 && options.size > 0, "Embedding: want positive sizes, got count={}, size={}", options.count,
        options.size);
  weight = Param(randn({options.count, options.size}, generator));
}

std::string Embedding::describe() const {
  return fmt::format("Embedding({}, {})", weight.value.size(0), weight.value.size(1));
}

}  // namespace fovea::nn
