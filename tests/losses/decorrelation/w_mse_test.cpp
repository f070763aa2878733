#include <fovea/losses/decorrelation/w_mse.h>

#include <cmath>

#include <fovea/core/ops.h>

#include "support/catch.h"
#include "support/op_rows.h"

using namespace fovea;
using fovea::testing::relative_error;
using losses::w_mse;

namespace {

Tensor corners() {
  return Tensor::from<float>({4, 2}, {1, 1, 1, -1, -1, 1, -1, -1});
}
Tensor skewed() {
  return Tensor::from<float>({4, 2}, {1, 0, -1, 0, 1, 2, -1, -2});
}
double loss_of(const Tensor& a, const Tensor& b, losses::WMseOptions options = {}) {
  options.views = 2, options.group = a.size(0);
  return w_mse(concat({a, b}), options).item();
}

}  // namespace

TEST_CASE("W-MSE gives the losses that are known", "[losses]") {
  CHECK(loss_of(corners(), corners()) == Approx(0).margin(1e-5));
  CHECK(loss_of(corners(), corners() * -1) == Approx(4));
  CHECK(loss_of(corners(), corners() * Tensor::from<float>({1, 2}, {-1, 1})) == Approx(2));
  CHECK(loss_of(corners(), skewed()) == Approx(2));
  // Whitened values of variance 1 with N - 1: the squares of opposite ones are 4 (N - 1) / N.
  CHECK(loss_of(corners(), corners() * -1, {.normalize = false}) == Approx(3));
}

TEST_CASE("W-MSE is the mean over pairs of views and iterations", "[losses]") {
  manual_seed(1);
  const Tensor a = randn({16, 3}), b = randn({16, 3}), c = randn({16, 3});
  const double pairs = (loss_of(a, b) + loss_of(b, c) + loss_of(a, c)) / 3;
  CHECK(w_mse(concat({a, b, c}), {.views = 3, .group = 16}).item() == Approx(pairs).epsilon(1e-5));
  Generator one(7), two(7);
  const Tensor h = concat({a, b});
  const losses::WMseOptions options{.group = 8};
  const double first = w_mse(h, options, one).item(), second = w_mse(h, options, one).item();
  CHECK(first != second);
  CHECK(w_mse(h, {.group = 8, .iterations = 2}, two).item() == Approx((first + second) / 2));
}

TEST_CASE("W-MSE does not see a view's scale, shift, lower triangular map or order of images", "[losses]") {
  manual_seed(2);
  const Tensor a = randn({32, 3}), b = randn({32, 3});
  const double loss = loss_of(a, b);
  const Tensor map = Tensor::from<float>({3, 3}, {2, -1, 0.3f, 0, 0.5f, 4, 0, 0, 1});  // x L^T
  CHECK(loss_of(matmul(a, map) + 3, b * 10) == Approx(loss).epsilon(1e-4));
  const Tensor order = randperm(32);
  CHECK(loss_of(gather_rows(a, order), gather_rows(b, order)) == Approx(loss).epsilon(1e-5));
  CHECK(loss_of(b, a) == Approx(loss).epsilon(1e-5));
}

TEST_CASE("W-MSE of unrelated views is about 2, in bf16 too", "[losses]") {
  manual_seed(3);
  const Tensor h = randn({512, 16});
  const double loss = w_mse(h, {.group = 256}).item();
  CHECK(loss == Approx(2).margin(0.1));
  CHECK(w_mse(h.to(Dtype::bf16), {.group = 256}).item() == Approx(loss).margin(0.01));
}

TEST_CASE("W-MSE says what it wanted", "[losses]") {
  CHECK_THROWS_WITH(w_mse(randn({24, 2}), {.group = 8}), Catch::Contains("multiple of the group of 8"));
  CHECK_THROWS_WITH(w_mse(randn({16, 5}), {.group = 8}), Catch::Contains("twice D"));
}
