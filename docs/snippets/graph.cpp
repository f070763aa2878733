#include <iostream>

#include <fovea/core/ops.h>
#include <fovea/core/print_graph.h>

using namespace fovea;

int main() {
  Tensor x = Tensor::from<float>({4, 1}, {1, 2, 3, 4});
  Tensor target = Tensor::from<float>({4, 1}, {3, 5, 7, 9});
  Tensor w = Tensor::from<float>({1, 1}, {1}).set_requires_grad();
  Tensor b = Tensor::from<float>({1}, {0}).set_requires_grad();

  Tensor error = linear(x, w, b) - target;
  Tensor loss = mean(square(error));
  print_graph(std::cout, loss, {{"w", w}, {"b", b}});

  on_grad(error, [](const Tensor& grad) { std::cout << "d loss / d error = " << grad.reshape({4}) << "\n"; });
  loss.backward();
  std::cout << "d loss / d w = " << w.grad() << "\nd loss / d b = " << b.grad() << "\n";
}
