#include <fovea/losses/distillation/tico.h>

#include <cmath>

#include <fovea/core/autocast.h>
#include <fovea/core/ops.h>
#include <fovea/core/random.h>

#include "support/catch.h"

using namespace fovea;
using losses::Tico;

namespace {

Tensor eye2() {
  return Tensor::from<float>({2, 2}, {1, 0, 0, 1});
}

// The loss and the new C by the definition, in plain loops.
double replay(const std::vector<double>& a, const std::vector<double>& b, std::vector<double>& c, int n, int d,
              double rho, double beta) {
  auto unit = [&](const std::vector<double>& x, int i, int k) {
    double square = 0;
    for (int j = 0; j < d; ++j) square += x[size_t(i * d + j)] * x[size_t(i * d + j)];
    return x[size_t(i * d + k)] / std::sqrt(square);
  };
  for (int j = 0; j < d; ++j)
    for (int k = 0; k < d; ++k) {
      double batch = 0;
      for (int i = 0; i < n; ++i) batch += unit(a, i, j) * unit(a, i, k) / n;
      double& entry = c[size_t(j * d + k)];
      entry = beta * entry + (1 - beta) * batch;
    }
  double loss = 1;
  for (int i = 0; i < n; ++i)
    for (int j = 0; j < d; ++j) {
      loss -= unit(a, i, j) * unit(b, i, j) / n;
      for (int k = 0; k < d; ++k) loss += rho / n * unit(a, i, j) * c[size_t(j * d + k)] * unit(a, i, k);
    }
  return loss;
}

}  // namespace

TEST_CASE("TiCo gives the losses that are known", "[losses]") {
  Tico loss({.features = 2});
  CHECK(loss(eye2(), eye2()).item() == Approx(0.4));
  CHECK(loss(eye2(), eye2()).item() == Approx(0.76));
  for (int i = 0; i < 200; ++i) loss(eye2(), eye2());
  CHECK(loss(eye2(), eye2()).item() == Approx(4));
  CHECK(Tico({.features = 2, .rho = 20})(eye2(), eye2()).item() == Approx(1));

  Tico collapsed({.features = 3});
  for (int i = 0; i < 200; ++i) collapsed(Tensor::ones({4, 3}), Tensor::ones({4, 3}));
  CHECK(collapsed(Tensor::ones({4, 3}), Tensor::ones({4, 3})).item() == Approx(8));  // rho
}

TEST_CASE("TiCo's losses and running matrix follow the definition for several steps", "[losses]") {
  Generator generator(1);
  const int n = 6, d = 4;
  Tico loss({.features = d, .rho = 3, .beta = 0.7});
  std::vector<double> c(d * d, 0);
  for (int step = 0; step < 4; ++step) {
    Tensor a = randn({n, d}, generator), b = randn({n, d}, generator);
    double expected = replay(a.to_vector<double>(), b.to_vector<double>(), c, n, d, 3, 0.7);
    CHECK(loss(a, b).item() == Approx(expected).epsilon(1e-5));
    std::vector<float> kept = loss.covariance.value.to_vector<float>();
    for (size_t i = 0; i < c.size(); ++i) CHECK(kept[i] == Approx(c[i]).margin(1e-6));
  }
}

TEST_CASE("detached, the batch's part of TiCo's penalty has half the gradient", "[losses]") {
  Generator generator(2);
  Tensor z = randn({5, 4}, generator), other = randn({5, 4}, generator);
  auto gradient = [&](losses::TicoOptions options) {
    options.features = 4;
    Tensor x = z.clone().set_requires_grad();
    Tico{options}(x, other).backward();
    return x.grad();
  };
  Tensor agreement = gradient({.rho = 0}), full = gradient({}) - agreement,
         detached = gradient({.detach = true}) - agreement;
  std::vector<double> twice = (detached * 2).to_vector<double>(), whole = full.to_vector<double>();
  for (size_t i = 0; i < whole.size(); ++i) CHECK(twice[i] == Approx(whole[i]).margin(1e-6));
}

TEST_CASE("TiCo does not mind the order of rows nor their lengths", "[losses]") {
  Generator generator(3);
  Tensor a = randn({9, 6}, generator), b = randn({9, 6}, generator), order = randperm(9, generator);
  auto first = [](const Tensor& x, const Tensor& y) { return Tico({.features = 6})(x, y).item(); };
  double loss = first(a, b);
  CHECK(first(gather_rows(a, order), gather_rows(b, order)) == Approx(loss).epsilon(1e-5));
  CHECK(first(a * (rand({9, 1}, generator) + 0.5), b * 40) == Approx(loss).epsilon(1e-5));
  CHECK(first(a.to(Dtype::bf16), b.to(Dtype::bf16)) == Approx(loss).margin(0.01));
}

TEST_CASE("TiCo keeps its running matrix in f32 under autocast", "[losses]") {
  Generator generator(4);
  Tensor a = randn({8, 5}, generator), b = randn({8, 5}, generator);
  Tico plain({.features = 5}), cast({.features = 5});
  double loss = plain(a, b).item();
  Autocast autocast;
  CHECK(cast(a, b).item() == loss);
  CHECK(cast.covariance.value.to_vector<float>() == plain.covariance.value.to_vector<float>());
}

TEST_CASE("a later step of TiCo leaves what an earlier one's gradient needs alone", "[losses]") {
  Generator generator(5);
  Tensor a = randn({4, 3}, generator), b = randn({4, 3}, generator), c = randn({4, 3}, generator);
  auto gradient = [&](bool step_between) {
    Tico loss({.features = 3});
    loss(c, b);
    Tensor x = a.clone().set_requires_grad();
    Tensor value = loss(x, b);
    CHECK_FALSE(loss.covariance.value.requires_grad());
    if (step_between) loss(c, a);
    value.backward();
    return x.grad().to_vector<float>();
  };
  CHECK(gradient(true) == gradient(false));
}

TEST_CASE("TiCo's running matrix is state, and TiCo says what it wanted", "[losses]") {
  Tico loss({.features = 3});
  REQUIRE(loss.state().size() == 1);
  CHECK(loss.state()[0].name == "covariance");
  CHECK_FALSE(loss.state()[0].is_param);
  CHECK(loss.describe() == "Tico(features=3, rho=8, beta=0.9)");
  CHECK_THROWS_WITH(loss(Tensor::ones({4, 5}), Tensor::ones({4, 5})), Catch::Contains("[N, 3]"));
  CHECK_THROWS_AS(loss(Tensor::ones({4, 3}), Tensor::ones({2, 3})), Error);
  CHECK_THROWS_AS(Tico({.beta = 2}), Error);
}
