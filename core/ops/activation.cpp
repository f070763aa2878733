#include <fovea/core/ops/activation.h>

#include <fovea/core/ops/elementwise.h>

namespace fovea {

Tensor relu(const Tensor& x) {
  return unary("relu", x, kernels::Relu());
}
Tensor leaky_relu(const Tensor& x, double negative_slope) {
  return unary("leaky_relu", x, kernels::LeakyRelu{negative_slope});
}
Tensor gelu(const Tensor& x, GeluForm form) {
  return form == GeluForm::erf ? unary("gelu", x, kernels::Gelu()) : unary("gelu", x, kernels::GeluTanh());
}
Tensor quick_gelu(const Tensor& x) {
  return unary("quick_gelu", x, kernels::Swish{1.702});
}
Tensor silu(const Tensor& x) {
  return unary("silu", x, kernels::Swish{1});
}
Tensor tanh(const Tensor& x) {
  return unary("tanh", x, kernels::Tanh());
}
Tensor sigmoid(const Tensor& x) {
  return unary("sigmoid", x, kernels::Sigmoid());
}
Tensor softplus(const Tensor& x) {
  return unary("softplus", x, kernels::Softplus());
}

static Tensor drop(const Tensor& x, double p, const kernels::RandomState& random) {
  Tensor y = Tensor::empty_like(x);
  dispatch_float(x, "dropout", [&]<class T>(auto& ctx) {
    kernels::dropout(ctx, x.data<T>(), y.data<T>(), x.numel(), float(1 - p), random);
  });
  return y;
}

Tensor dropout(const Tensor& x, double p, bool training, Generator& generator) {
  check(p >= 0 && p <= 1, "dropout: want a probability in [0, 1], got {}", p);
  if (!training || p == 0) return x;
  kernels::RandomState random = generator.draw(x.numel(), x.device());
  return record("dropout", drop(x, p, random), {x},
                [p, random](const Node&, const Tensor& dy) -> Grads { return {drop(dy, p, random)}; });
}

}  // namespace fovea
