#include <iostream>

#include <fovea/core/random.h>
#include <fovea/nn/layers/linear.h>
#include <fovea/nn/train/optim.h>

using namespace fovea;

struct Net : nn::Module {
  nn::Linear hidden{{.in = 2, .out = 16}}, out{{.in = 16, .out = 1}};

  Tensor operator()(const Tensor& x) { return out(tanh(hidden(x))); }
  void visit(nn::Visitor& v) override { v("hidden", hidden), v("out", out); }
  std::string describe() const override { return "Net"; }
};

int main() {
  manual_seed(0);
  Net net;
  std::cout << net.str() << "\n";
  for (const nn::NamedTensor& entry : net.state()) std::cout << entry.name << " " << entry.value.shape().str() << "\n";

  Tensor x = Tensor::from<float>({4, 2}, {0, 0, 0, 1, 1, 0, 1, 1});
  Tensor target = Tensor::from<float>({4, 1}, {0, 1, 1, 0});  // exclusive or
  nn::Sgd optimizer(nn::decay_groups(net), {.lr = 0.1, .momentum = 0.9});
  for (int step = 0; step < 300; ++step) {
    Tensor loss = mse_loss(net(x), target);
    optimizer.zero_grad();
    loss.backward();
    optimizer.step();
  }
  NoGrad no_grad;
  std::cout << (net(x) > 0.5).reshape({4}) << "\n";
}
