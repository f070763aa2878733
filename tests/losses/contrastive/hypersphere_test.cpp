#include <fovea/losses/contrastive/hypersphere.h>

#include <cmath>

#include "support/op_rows.h"
#include "support/pair_losses.h"

using namespace fovea;
using namespace fovea::testing;
using losses::alignment, losses::hypersphere, losses::uniformity;

TEST_CASE("alignment and uniformity give the values that are known", "[losses][contrastive]") {
  CHECK(alignment(known_a(), known_b()).item() == Approx(0.4).margin(1e-6));
  CHECK(alignment(known_a(), known_b(), 1).item() == Approx(0.632456).margin(1e-6));
  CHECK(uniformity(eye(2), 2).item() == Approx(-4).margin(1e-6));
  CHECK(uniformity(eye(2), 1).item() == Approx(-2).margin(1e-6));
  CHECK(uniformity(Tensor::from<float>({2, 2}, {1, 0, -1, 0})).item() == Approx(-8).margin(1e-6));
  CHECK(hypersphere(known_a(), known_b(), {.t = 1}).item() == Approx(-0.4).margin(1e-6));
  CHECK(hypersphere(known_a(), known_b()).item() == Approx(-1.2).margin(1e-6));
  CHECK(hypersphere(Tensor::ones({6, 3}), Tensor::full({6, 3}, 2)).item() == Approx(0).margin(2e-6));
}

TEST_CASE("uniformity of rows spread evenly is what the sphere's integral says", "[losses][contrastive]") {
  Generator generator(6);
  Tensor many = randn({1024, 128}, generator), circle = randn({1024, 2}, generator);
  CHECK(uniformity(many, 2).item() == Approx(-3.937530).margin(2e-3));
  CHECK(uniformity(many, 1).item() == Approx(-1.984377).margin(1e-3));
  CHECK(uniformity(circle, 2).item() == Approx(-1.575027).margin(0.02));
}

TEST_CASE("uniformity is the mean over pairs that its definition says", "[losses][contrastive]") {
  Generator generator(7);
  Tensor x = normalize(randn({9, 4}, generator).to(Dtype::f64));
  std::vector<double> v = x.to_vector<double>();
  double total = 0;
  for (int i = 0; i < 9; ++i)
    for (int j = 0; j < i; ++j) {
      double squares = 0;
      for (int d = 0; d < 4; ++d) squares += std::pow(v[size_t(4 * i + d)] - v[size_t(4 * j + d)], 2);
      total += std::exp(-1.5 * squares);
    }
  CHECK(uniformity(x, 1.5).item() == Approx(std::log(total / 36)).epsilon(1e-12));
}

TEST_CASE("the weights of alignment and uniformity are factors", "[losses][contrastive]") {
  Generator generator(8);
  Tensor x = randn({6, 3}, generator), y = randn({6, 3}, generator);
  CHECK(hypersphere(x, y, {.align_weight = 0, .uniform_weight = 2}).item() ==
        Approx(uniformity(x).item() + uniformity(y).item()));
  CHECK(hypersphere(x, y, {.alpha = 3, .align_weight = 5, .uniform_weight = 0}).item() ==
        Approx(5 * alignment(x, y, 3).item()));
}

TEST_CASE("alignment and uniformity are losses of cosines", "[losses][contrastive]") {
  expect_loss_of_cosines([](const Tensor& a, const Tensor& b) { return alignment(a, b, 1); });
  expect_loss_of_cosines([](const Tensor& a, const Tensor& b) { return hypersphere(a, b); });
}

TEST_CASE("alignment and uniformity say what they wanted", "[losses][contrastive]") {
  CHECK_THROWS_WITH(alignment(eye(3), eye(4)), Catch::Contains("[4, 4]"));
  CHECK_THROWS_WITH(alignment(eye(3), eye(3), 0), Catch::Contains("alpha"));
  CHECK_THROWS_WITH(uniformity(eye(1)), Catch::Contains("at least 2"));
  CHECK_THROWS_WITH(uniformity(eye(3), -2), Catch::Contains("above 0"));
}
