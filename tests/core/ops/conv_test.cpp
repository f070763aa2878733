#include <fovea/core/autocast.h>
#include <fovea/core/ops.h>
#include <fovea/core/random.h>
#include <fovea/core/safetensors.h>

#include "support/catch.h"
#include "support/files.h"
#include "support/op_rows.h"

using namespace fovea;
using namespace fovea::testing;

TEST_CASE("convolutions follow PyTorch's, gradients included", "[core][conv]") {
  const auto tensors = load_safetensors(fixture("conv.safetensors")).tensors;
  auto compare = [&](const std::string& name, auto&& f) {
    for (Dtype dtype : {Dtype::f64, Dtype::f32}) {
      INFO(name << " " << name_of(dtype));
      double tolerance = dtype == Dtype::f64 ? 1e-12 : 1e-5;
      auto at = [&](const char* key) { return tensors.at(name + "." + key); };
      auto leaf = [&](const char* key) { return at(key).to(dtype).clone().set_requires_grad(); };
      Tensor x = leaf("x"), weight = leaf("weight"), bias = leaf("bias");
      Tensor y = f(x, weight, bias);
      y.backward(at("dy").to(dtype));
      CHECK(relative_error(y, at("y")) < tolerance);
      CHECK(relative_error(x.grad(), at("dx")) < tolerance);
      CHECK(relative_error(weight.grad(), at("dweight")) < tolerance);
      CHECK(relative_error(bias.grad(), at("dbias")) < tolerance);
    }
  };
  auto conv = [](Conv2dOptions options) {
    return [options](const Tensor& x, const Tensor& weight, const Tensor& bias) {
      return conv2d(x, weight, bias, options);
    };
  };
  auto transpose = [](ConvTranspose2dOptions options) {
    return [options](const Tensor& x, const Tensor& weight, const Tensor& bias) {
      return conv_transpose2d(x, weight, bias, options);
    };
  };
  compare("conv2d", conv({.stride = {2, 1}, .padding = {1, 0}, .dilation = {1, 2}}));
  compare("conv2d_3x3", conv({.padding = 1}));
  compare("conv2d_groups", conv({.padding = 1, .groups = 3}));
  compare("conv1d", [](const Tensor& x, const Tensor& weight, const Tensor& bias) {
    return conv1d(x, weight, bias, {.stride = 2, .padding = 2, .dilation = 2, .groups = 2});
  });
  compare("conv_transpose2d", transpose({.stride = 2, .padding = 1, .output_padding = 1}));
  compare("conv_transpose2d_groups",
          transpose({.stride = {3, 2}, .padding = {0, 1}, .output_padding = {2, 0}, .dilation = {2, 1}, .groups = 2}));
}

TEST_CASE("under Autocast convolutions return bf16 and keep f32 gradients", "[core][conv]") {
  Generator generator(3);
  Tensor x = randn({2, 6, 5, 16}, generator).set_requires_grad();
  Tensor weight = randn({32, 3, 3, 16}, generator).set_requires_grad();
  Tensor bias = randn({32}, generator).set_requires_grad();
  auto gradients = [&](const Tensor& y) {
    for (Tensor* t : {&x, &weight, &bias}) t->zero_grad();
    y.backward(Tensor::ones(y.shape(), y.dtype()));
    return std::vector<Tensor>{x.grad(), weight.grad(), bias.grad()};
  };
  Tensor exact = conv2d(x, weight, bias, {.padding = 1});
  auto want = gradients(exact);
  Tensor y;
  {
    Autocast autocast;
    y = conv2d(x, weight, bias, {.padding = 1});
  }
  CHECK(y.dtype() == Dtype::bf16);
  CHECK(relative_error(y, exact) < 0.02);
  auto got = gradients(y);
  for (size_t i = 0; i < got.size(); ++i) {
    INFO("gradient " << i);
    CHECK(got[i].dtype() == Dtype::f32);
    CHECK(relative_error(got[i], want[i]) < 0.02);
  }
}

TEST_CASE("a convolution's activation equals the op behind it, gradients included", "[core][conv]") {
  Generator generator(7);
  for (Dtype dtype : {Dtype::f64, Dtype::f32, Dtype::bf16}) {
    INFO(name_of(dtype));
    const double tolerance = dtype == Dtype::bf16 ? 1e-2 : 1e-6;  // the sums of the bias' gradient have another order
    auto leaf = [&](Shape shape) { return randn(shape, generator).to(dtype).set_requires_grad(); };
    Tensor x = leaf({2, 9, 8, 16}), weight = leaf({32, 3, 3, 16}), bias = leaf({32});
    Tensor dy = randn({2, 9, 8, 32}, generator).to(dtype);
    auto gradients = [&](const Tensor& y) {
      for (Tensor* t : {&x, &weight, &bias}) t->zero_grad();
      y.backward(dy);
      return std::vector<Tensor>{y, x.grad(), weight.grad(), bias.grad()};
    };
    auto compare = [&](Activation activation, auto&& f) {
      auto got = gradients(conv2d(x, weight, bias, {.padding = 1, .activation = activation}));
      auto want = gradients(f(conv2d(x, weight, bias, {.padding = 1})));
      for (size_t i = 0; i < got.size(); ++i) CHECK(relative_error(got[i], want[i]) < tolerance);
    };
    compare(Activation::relu, [](const Tensor& y) { return relu(y); });
    compare(Activation::gelu, [](const Tensor& y) { return gelu(y); });
  }
}

TEST_CASE("a convolution computes gradients only of what requires one", "[core][conv]") {
  Tensor x = Tensor::ones({1, 4, 4, 3}), weight = Tensor::ones({2, 3, 3, 3}), bias = Tensor::ones({2});
  weight.set_requires_grad();
  conv2d(x, weight, bias).backward(Tensor::ones({1, 2, 2, 2}));
  CHECK(weight.grad().to_vector<float>() == std::vector<float>(54, 4.0f));
  CHECK_FALSE(bias.grad().defined());
  CHECK_FALSE(conv2d(x, weight.detach(), bias).requires_grad());
}

TEST_CASE("convolutions say what does not fit", "[core][conv]") {
  using Catch::Contains;
  Tensor x = Tensor::ones({2, 5, 6, 4}), weight = Tensor::ones({8, 3, 3, 4});
  CHECK_THROWS_WITH(conv2d(Tensor::ones({5, 6, 4}), weight),
                    Contains("conv2d: want x [N, H, W, C]") && Contains("[5, 6, 4]"));
  CHECK_THROWS_WITH(conv2d(x, Tensor::ones({8, 3, 3, 3})),
                    Contains("4 input channels a group") && Contains("[8, 3, 3, 3]"));
  CHECK_THROWS_WITH(conv2d(x, weight, {}, {.groups = 3}), Contains("3 groups"));
  CHECK_THROWS_WITH(conv2d(x, weight, {}, {.stride = 0}), Contains("stride 0x0"));
  CHECK_THROWS_WITH(conv2d(x, weight, {}, {.padding = {0, -1}}), Contains("padding 0x-1"));
  CHECK_THROWS_WITH(conv2d(x, weight, {}, {.dilation = 3}), Contains("input 5x6") && Contains("7x7"));
  CHECK_THROWS_WITH(conv2d(x, weight, Tensor::ones({4})), Contains("want bias [8]") && Contains("[4]"));
  CHECK_THROWS_WITH(conv2d(x, weight.to(Dtype::f64)), Contains("x f32, weight f64"));
  CHECK_THROWS_WITH(conv2d(x.to(Dtype::i64), weight), Contains("conv2d"));
  CHECK_THROWS_WITH(conv1d(x, weight), Contains("conv1d: want x [N, L, C]"));
  CHECK_THROWS_WITH(conv_transpose2d(x, weight), Contains("conv_transpose2d: want x"));
  CHECK_THROWS_WITH(conv_transpose2d(x, Tensor::ones({4, 3, 3, 2}), {}, {.stride = 2, .output_padding = 2}),
                    Contains("output_padding smaller than the stride"));
  CHECK_THROWS_WITH(conv_transpose2d(Tensor::ones({1, 1, 1, 4}), Tensor::ones({4, 1, 1, 2}), {}, {.padding = 1}),
                    Contains("output -1x-1"));
  CHECK_THROWS_WITH(conv2d(Tensor(), weight), Contains("undefined"));
}
