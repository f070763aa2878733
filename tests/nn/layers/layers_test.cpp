#include <fovea/nn/io/torch_state.h>
#include <fovea/nn/layer.h>
#include <fovea/nn/layers/activation.h>
#include <fovea/nn/layers/conv.h>
#include <fovea/nn/layers/linear.h>
#include <fovea/nn/layers/norm.h>
#include <fovea/nn/layers/pool.h>

#include "support/catch.h"
#include "support/fixture.h"

using namespace fovea;
using namespace fovea::testing;

namespace {

template <class M>
M with_state(M module, const Fixture& torch, const std::string& name) {
  nn::load_torch_state(module, torch.part(name + ".state"));
  return module;
}

struct Net : nn::Module {
  nn::Linear first{{.in = 4, .out = 3}};
  nn::BatchNorm1d bn{{.features = 3}};
  nn::Sequential rest{nn::ReLU(), nn::Sequential(nn::Linear({.in = 3, .out = 2, .bias = false}))};

  Tensor operator()(const Tensor& x) { return rest(bn(first(x))); }
  void visit(nn::Visitor& v) override {
    v("first", first);
    v("bn", bn);
    v("rest", rest);
  }
  std::string describe() const override { return "Net"; }
};

}  // namespace

TEST_CASE("layers compute what PyTorch's compute from the same state", "[nn]") {
  Fixture torch("layers");
  auto agrees = [&](const std::string& name, auto layer) {
    INFO(name);
    nn::load_torch_state(layer, torch.part(name + ".state"));
    CHECK(relative_error(layer(torch[name + ".x"]), torch[name + ".y"]) < 1e-5);
  };
  agrees("linear", nn::Linear({.in = 5, .out = 3}));
  agrees("conv", nn::Conv2d({.in = 4, .out = 6, .kernel = {3, 2}, .stride = 2, .padding = {1, 0}, .groups = 2}));
  agrees("conv_transpose",
         nn::ConvTranspose2d({.in = 4, .out = 3, .kernel = 3, .stride = 2, .padding = 1, .output_padding = 1}));
  agrees("layer_norm", nn::LayerNorm({.features = 7, .eps = 1e-6}));
  agrees("group_norm", nn::GroupNorm({.groups = 2, .channels = 6}));
  agrees("embedding", nn::Embedding({.count = 6, .size = 3}));
}

TEST_CASE("batch norms train and evaluate as PyTorch's do, running statistics included", "[nn]") {
  Fixture torch("layers");
  auto agrees = [&](const std::string& name, auto bn) {
    INFO(name);
    nn::load_torch_state(bn, torch.part(name + ".state"));
    for (const char* step : {".0", ".1", ".2"})
      CHECK(relative_error(bn(torch[name + step + ".x"]), torch[name + step + ".y"]) < 1e-5);
    for (const auto& [buffer, value] : torch.part(name + ".after"))
      CHECK(relative_error(nn::torch_state(bn).at(buffer), value) < 1e-5);
    bn.eval();
    CHECK(relative_error(bn(torch[name + ".eval.x"]), torch[name + ".eval.y"]) < 1e-5);
    CHECK(bn.num_batches_tracked.value.item() == 3);
  };
  agrees("batch_norm1d", nn::BatchNorm1d({.features = 5, .momentum = 0.2}));
  agrees("batch_norm2d", nn::BatchNorm2d({.features = 5}));
  agrees("batch_norm_plain", nn::BatchNorm1d({.features = 5, .affine = false}));
}

TEST_CASE("the fused forms of layers equal their composition", "[nn]") {
  nn::BatchNorm2d bn({.features = 5}), same = bn;
  Tensor x = randn({3, 4, 2, 5}), residual = randn({3, 4, 2, 5});
  CHECK(relative_error(bn.relu(x), relu(same(x))) < 1e-6);
  CHECK(relative_error(bn.add_relu(x, residual), relu(same(x) + residual)) < 1e-6);
  CHECK(relative_error(bn.running_var, same.running_var) < 1e-6);
  nn::Linear fc({.in = 5, .out = 3});
  CHECK(relative_error(fc.relu(x), relu(fc(x))) < 1e-6);
  CHECK(relative_error(fc.gelu(x), gelu(fc(x))) < 1e-5);
  nn::Conv2d conv({.in = 5, .out = 3, .kernel = 3, .stride = 2, .padding = 1});
  CHECK(relative_error(conv.relu(x), relu(conv(x))) < 1e-6);
}

TEST_CASE("layers without weights are the ops of their names", "[nn]") {
  Tensor x = randn({2, 6, 4, 3});
  auto same = [&](nn::Layer layer, const Tensor& y) {
    INFO(layer.module().describe());
    CHECK(relative_error(layer(x), y) == 0);
  };
  same(nn::ReLU(), relu(x));
  same(nn::LeakyReLU(0.2), leaky_relu(x, 0.2));
  same(nn::GELU(), gelu(x));
  same(nn::GELU(GeluForm::tanh), gelu(x, GeluForm::tanh));
  same(nn::QuickGELU(), quick_gelu(x));
  same(nn::SiLU(), silu(x));
  same(nn::Tanh(), tanh(x));
  same(nn::Sigmoid(), sigmoid(x));
  same(nn::Softplus(), softplus(x));
  same(nn::Identity(), x);
  same(nn::Flatten(), x.reshape({2, -1}));
  same(nn::MaxPool2d({.kernel = 2}), max_pool2d(x, {.kernel = 2}));
  same(nn::AvgPool2d({.kernel = 3, .stride = 1, .padding = 1}),
       avg_pool2d(x, {.kernel = 3, .stride = 1, .padding = 1}));
  same(nn::AdaptiveAvgPool2d({3, 2}), adaptive_avg_pool2d(x, {3, 2}));
}

TEST_CASE("dropout drops while training and is the identity afterwards", "[nn]") {
  nn::Dropout dropout(0.25);
  Tensor x = Tensor::ones({10000});
  double kept = mean(dropout(x)).item();
  CHECK(kept == Approx(1).margin(0.03));
  CHECK(max(dropout(x)).item() == Approx(4.0 / 3));
  dropout.eval();
  CHECK(relative_error(dropout(x), x) == 0);
}

TEST_CASE("state, parameters and their count come in order with dotted names", "[nn]") {
  Net net;
  std::vector<std::string> names;
  for (const nn::NamedTensor& t : net.state()) names.push_back(t.name);
  CHECK(names == std::vector<std::string>{"first.weight", "first.bias", "bn.weight", "bn.bias", "bn.running_mean",
                                          "bn.running_var", "bn.num_batches_tracked", "rest.1.0.weight"});
  CHECK(net.parameters().size() == 5);
  CHECK(net.parameter_count() == 12 + 3 + 3 + 3 + 6);
}

TEST_CASE("modules print as PyTorch prints them", "[nn]") {
  CHECK(Net().str() == R"(Net(
  (first): Linear(in=4, out=3)
  (bn): BatchNorm1d(3, eps=1e-05, momentum=0.1)
  (rest): Sequential(
    (0): ReLU()
    (1): Sequential(
      (0): Linear(in=3, out=2, bias=false)
    )
  )
))");
  CHECK(nn::Conv2d({.in = 3, .out = 64, .kernel = 7, .stride = 2, .padding = 3, .bias = false}).describe() ==
        "Conv2d(3, 64, kernel=7, stride=2, padding=3, bias=false)");
  CHECK(nn::Conv2d({.in = 4, .out = 6, .kernel = {3, 2}, .dilation = 2, .groups = 2}).describe() ==
        "Conv2d(4, 6, kernel=3x2, dilation=2, groups=2)");
  CHECK(nn::ConvTranspose2d({.in = 4, .out = 6, .kernel = 3, .stride = 2, .output_padding = 1}).describe() ==
        "ConvTranspose2d(4, 6, kernel=3, stride=2, output_padding=1)");
  CHECK(nn::BatchNorm2d({.features = 3, .affine = false}).describe() ==
        "BatchNorm2d(3, eps=1e-05, momentum=0.1, affine=false)");
  CHECK(nn::MaxPool2d({.kernel = 3, .stride = 2, .padding = 1}).describe() ==
        "MaxPool2d(kernel=3, stride=2, padding=1)");
}

TEST_CASE("a copied module is independent of the first", "[nn]") {
  Net net;
  Net copy = net;
  Tensor x = randn({5, 4});
  copy.eval();
  CHECK(net.training());
  CHECK(net.bn.training());
  CHECK_FALSE(copy.bn.training());
  CHECK_FALSE(copy.rest[1].module().training());

  Tensor before = copy(x).clone();
  sum(square(net(x))).backward();
  CHECK(net.first.weight.value.grad().defined());
  CHECK_FALSE(copy.first.weight.value.grad().defined());
  {
    NoGrad no_grad;
    for (Tensor& t : net.parameters()) t.fill_(7);
  }
  CHECK(relative_error(copy(x), before) == 0);
  copy = net;
  CHECK(copy.first.weight.value.to_vector<float>()[0] == 7);
  CHECK_FALSE(copy.first.weight.value.shares_memory(net.first.weight));
  CHECK(copy.bn.running_mean.value.to_vector<float>() == net.bn.running_mean.value.to_vector<float>());
  CHECK(net.bn.num_batches_tracked.value.item() == 1);
}

TEST_CASE("frozen modules get no gradients", "[nn]") {
  Net net;
  nn::freeze(net);
  CHECK_FALSE(net(randn({5, 4})).requires_grad());
  nn::freeze(net, false);
  sum(net(randn({5, 4}))).backward();
  CHECK(net.first.bias.value.grad().defined());
  net.zero_grad();
  CHECK_FALSE(net.first.bias.value.grad().defined());
}

TEST_CASE("layers say what they wanted", "[nn]") {
  CHECK_THROWS_WITH(nn::Linear({.in = 4}), Catch::Contains("got in=4, out=0"));
  CHECK_THROWS_WITH(nn::Conv2d({.in = 3, .out = 4}), Catch::Contains("kernel=0"));
  CHECK_THROWS_WITH(nn::Conv2d({.in = 3, .out = 4, .kernel = 3, .groups = 2}), Catch::Contains("groups that divide"));
  CHECK_THROWS_WITH(nn::Embedding({.count = 4}), Catch::Contains("size=0"));
  CHECK_THROWS_WITH(nn::BatchNorm2d({}), Catch::Contains("BatchNorm2d"));
  CHECK_THROWS_WITH(nn::BatchNorm2d({.features = 3})(randn({2, 3})),
                    Catch::Contains("rank 4") && Catch::Contains("[2, 3]"));
  CHECK_THROWS_WITH(nn::BatchNorm1d({.features = 3})(randn({2, 4})),
                    Catch::Contains("rank 2 or 3") && Catch::Contains("is 3"));
  CHECK_THROWS_WITH(nn::LayerNorm({.features = 3})(randn({2, 4})),
                    Catch::Contains("LayerNorm") && Catch::Contains("[2, 4]"));
  CHECK_THROWS_WITH(nn::GroupNorm({.groups = 2, .channels = 3}), Catch::Contains("2 and 3"));
}
