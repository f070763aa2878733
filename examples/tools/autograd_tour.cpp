// One backward pass, watched: a layer with ReLU and a squared error, small enough to follow by hand. docs/autograd.md
// walks through what this prints.
//
//   bin/autograd_tour
#include <iostream>

#include <fovea/core/autograd.h>
#include <fovea/core/ops.h>
#include <fovea/core/print_graph.h>

using namespace fovea;

namespace {

// Prints the gradient of a tensor when backward() has it complete.
Tensor watched(const char* name, Tensor t) {
  on_grad(t, [name](const Tensor& grad) { std::cout << "  d loss / d " << name << " = " << grad << "\n"; });
  return t;
}

double loss_at(const Tensor& x, const Tensor& w, const Tensor& y) {
  NoGrad no_grad;
  return mean(square(relu(matmul(x, w)) - y)).item();
}

}  // namespace

int main() {
  // Two samples of three numbers, two outputs.
  Tensor x = Tensor::from<float>({2, 3}, {1, 2, -1, 0, 1, 3});
  Tensor y = Tensor::from<float>({2, 2}, {1, 0, 2, 1});
  Tensor w = Tensor::from<float>({3, 2}, {0.5f, -1, 0.25f, 0.5f, 0.5f, -0.5f}).set_requires_grad();

  std::cout << "1. Forward: every op computes its result and records how to go back.\n\n";
  Tensor h = watched("h", matmul(x, w));
  Tensor a = watched("a", relu(h));
  Tensor error = watched("error", a - y);
  Tensor loss = mean(square(error));
  std::cout << "h = x w     " << h << "\na = relu(h) " << a << "\nerror       " << error << "\nloss        "
            << loss.item() << "\n\n";

  std::cout << "2. The graph behind the loss, in the order of the backward pass.\n\n";
  print_graph(std::cout, loss, {{"w", w}});

  std::cout << "\n3. Backward: each node turns the gradient of its result into those of its inputs.\n\n";
  loss.backward();
  std::cout << "  d loss / d w = " << w.grad() << "\n\n";

  std::cout << "4. The same by differences: (loss(w + e) - loss(w - e)) / 2e for the first weight.\n\n";
  const float e = 1e-2f;
  Tensor up = w.clone(), down = w.clone();
  up.data<float>()[0] += e, down.data<float>()[0] -= e;
  std::cout << "  " << (loss_at(x, up, y) - loss_at(x, down, y)) / (2 * e) << " beside " << w.grad().data<float>()[0]
            << "\n\n";

  std::cout << "5. The closures are gone once they have run, and with them the memory they kept.\n\n";
  try {
    loss.backward();
  } catch (const Error& error_again) {
    std::cout << "  " << error_again.what() << "\n";
  }
}
