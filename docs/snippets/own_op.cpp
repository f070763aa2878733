#include <iostream>

#include <fovea/core/ops.h>

using namespace fovea;

// x * sigmoid(x), composed of ops: each records a node of its own.
Tensor swish_composed(const Tensor& x) {
  return x * sigmoid(x);
}

// The same with a backward function of its own: one node, which keeps x alone.
Tensor swish(const Tensor& x) {
  Tensor y;
  {
    NoGrad no_grad;
    y = x * sigmoid(x);
  }
  return record("swish", y, {x}, [x](const Node&, const Tensor& dy) -> Grads {
    Tensor s = sigmoid(x);
    return {dy * s * (1 + x * (1 - s))};
  });
}

int main() {
  for (auto f : {swish_composed, swish}) {
    Tensor x = Tensor::from<float>({3}, {-1, 0, 2}).set_requires_grad();
    Tensor y = f(x);
    sum(y).backward();
    std::cout << y << " " << x.grad() << "\n";
  }
}
