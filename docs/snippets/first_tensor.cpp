#include <iostream>

#include <fovea/core/ops.h>

using namespace fovea;

int main() {
  Tensor x = Tensor::from<float>({2, 3}, {1, -2, 3, -4, 5, -6});
  x.set_requires_grad();
  Tensor y = mean(relu(x));
  y.backward();
  std::cout << y << "\n" << x.grad() << "\n";
}
