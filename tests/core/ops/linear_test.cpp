#include <fovea/core/autocast.h>
#include <fovea/core/ops.h>
#include <fovea/core/random.h>

#include "support/catch.h"

using namespace fovea;

TEST_CASE("matmul has the shapes of PyTorch's", "[core][linear]") {
  auto shape = [](const Shape& a, const Shape& b) { return matmul(Tensor::zeros(a), Tensor::zeros(b)).shape(); };
  CHECK(shape({3}, {3}) == Shape{});
  CHECK(shape({3}, {3, 4}) == Shape{4});
  CHECK(shape({2, 3}, {3}) == Shape{2});
  CHECK(shape({5, 2, 3}, {3}) == Shape{5, 2});
  CHECK(shape({3}, {5, 3, 4}) == Shape{5, 4});
  CHECK(shape({6, 1, 2, 3}, {5, 3, 4}) == Shape{6, 5, 2, 4});
}

TEST_CASE("matmul and linear say what they want", "[core][linear]") {
  Tensor a = Tensor::zeros({2, 3}), scalar = Tensor::zeros({});
  CHECK_THROWS_WITH(matmul(a, Tensor::zeros({4, 5})), Catch::Contains("want 3 rows") && Catch::Contains("[4, 5]"));
  CHECK_THROWS_WITH(matmul(a, Tensor::zeros({4, 5}), {.transpose_b = true}), Catch::Contains("want 3 columns"));
  CHECK_THROWS_WITH(matmul(a, a.to(Dtype::f64)), Catch::Contains("one floating dtype") && Catch::Contains("f64"));
  CHECK_THROWS_WITH(matmul(scalar, a), Catch::Contains("at least one dimension"));
  CHECK_THROWS_WITH(matmul(Tensor::zeros({2, 2, 3}), Tensor::zeros({3, 3, 4})), Catch::Contains("matmul"));
  CHECK_THROWS_WITH(matmul(Tensor::zeros({3}), a, {.transpose_a = true}), Catch::Contains("matrix to transpose"));
  CHECK_THROWS_WITH(linear(a, Tensor::zeros({4, 2})), Catch::Contains("linear") && Catch::Contains("[4, 2]"));
  CHECK_THROWS_WITH(linear(a, Tensor::zeros({4, 3}), Tensor::zeros({3})), Catch::Contains("bias [4]"));
  CHECK_THROWS_WITH(attention(Tensor::zeros({2, 3, 2, 1, 4})), Catch::Contains("[B, T, 3, H, D]"));
  CHECK_THROWS_WITH(attention(Tensor::zeros({2, 3, 3, 1, 4}), {.key_mask = Tensor::zeros({2, 3})}),
                    Catch::Contains("key_mask"));
}

TEST_CASE("under Autocast products are bf16 and gradients of f32 weights f32", "[core][linear]") {
  Generator generator(1);
  Tensor x = randn({33, 20}, generator).set_requires_grad(), w = randn({17, 20}, generator).set_requires_grad(),
         b = randn({17}, generator).set_requires_grad();
  auto run = [&](bool on, Activation activation) {
    for (Tensor* t : {&x, &w, &b}) t->zero_grad();
    Tensor y;
    {
      Autocast autocast(on);
      y = linear(x, w, b, activation);
    }
    CHECK(y.dtype() == (on ? Dtype::bf16 : Dtype::f32));
    sum(y.to(Dtype::f32)).backward();
    std::vector<std::vector<double>> out{y.to_vector<double>()};
    for (Tensor* t : {&x, &w, &b}) {
      CHECK(t->grad().dtype() == Dtype::f32);
      out.push_back(t->grad().to_vector<double>());
    }
    return out;
  };
  for (Activation activation : {Activation::none, Activation::relu, Activation::gelu}) {
    auto exact = run(false, activation), rounded = run(true, activation);
    for (size_t i = 0; i < exact.size(); ++i) {
      double scale = 0, error = 0;
      for (size_t j = 0; j < exact[i].size(); ++j) {
        scale = std::max(scale, std::abs(exact[i][j]));
        error = std::max(error, std::abs(exact[i][j] - rounded[i][j]));
      }
      INFO("activation " << int(activation) << ", tensor " << i);
      CHECK(error < 0.1 * scale);  // a ReLU may flip near 0
      if (i == 0) CHECK(error > 0);
    }
  }
}

TEST_CASE("f64 stays f64 under Autocast", "[core][linear]") {
  Autocast autocast;
  Tensor x = Tensor::ones({2, 3}, Dtype::f64);
  CHECK(matmul(x, x, {.transpose_b = true}).dtype() == Dtype::f64);
  CHECK(matmul(Tensor::ones({2, 3}), Tensor::ones({3, 2})).dtype() == Dtype::bf16);
  CHECK(attention(Tensor::ones({1, 2, 3, 1, 4})).dtype() == Dtype::bf16);
}

TEST_CASE("a fused activation gives what the composition gives", "[core][linear]") {
  Generator generator(2);
  Tensor x = randn({9, 20}, generator), w = randn({7, 20}, generator), b = randn({7}, generator), z = linear(x, w, b);
  for (bool use_gelu : {false, true}) {
    std::vector<double> fused = linear(x, w, b, use_gelu ? Activation::gelu : Activation::relu).to_vector<double>();
    std::vector<double> composed = (use_gelu ? gelu(z) : relu(z)).to_vector<double>();
    for (size_t i = 0; i < fused.size(); ++i) CHECK(fused[i] == Approx(composed[i]).margin(1e-5));
  }
}
