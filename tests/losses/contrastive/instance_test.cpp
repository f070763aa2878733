#include <fovea/losses/contrastive/instance.h>

#include <cmath>
#include <functional>

#include <fovea/core/autocast.h>

#include "support/catch.h"
#include "support/op_rows.h"

using namespace fovea;
using namespace fovea::testing;

TEST_CASE("noise-contrastive instance discrimination gives the loss that is known", "[losses]") {
  losses::InstanceNce nce({.images = 4, .temperature = .5});
  Tensor v = Tensor::from<float>({1, 2}, {2, 0}), noise = Tensor::from<float>({2, 2}, {0, 1, 0, -1});
  CHECK(nce.z().item() == 0);
  CHECK(nce(v, normalize(v), noise).item() == Approx(.910051).margin(1e-6));
  CHECK(nce.z().item() == Approx(12.518741).epsilon(1e-6));
  // Z stays what the first batch said.
  nce(Tensor::from<float>({1, 2}, {0, 1}), normalize(v), noise);
  CHECK(nce.z().item() == Approx(12.518741).epsilon(1e-6));
  CHECK(nce.state()[0].name == "z");
}

TEST_CASE("the logistic form is the paper's", "[losses]") {
  const int64_t n = 5, k = 7, images = 40, dim = 3;
  const double t = .2;
  losses::InstanceNce nce({.images = images, .temperature = t});
  Tensor v = randn({n, dim}).to(Dtype::f64), positive = normalize(randn({n, dim})).to(Dtype::f64),
         noise = normalize(randn({k, dim})).to(Dtype::f64);
  nce(randn({n, dim}), positive.to(Dtype::f32), noise.to(Dtype::f32));  // fixes Z
  const double z = nce.z().item(), got = nce(v, positive, noise).item();
  Tensor unit = normalize(v);
  Tensor p = exp(sum(unit * positive, {1}) / t) / z, q = exp(matmul(unit, noise, {.transpose_b = true}) / t) / z;
  const double share = double(k) / double(images);
  Tensor h_positive = p / (p + share), h_noise = q / (q + share);
  Tensor wanted = -(sum(log(h_positive)) + sum(log(1 - h_noise))) / double(n);
  CHECK(got == Approx(wanted.item()).epsilon(1e-9));
}

TEST_CASE("the full softmax over the bank has every image as a class", "[losses]") {
  Tensor bank = normalize(randn({30, 4})), v = randn({6, 4}).set_requires_grad(), index = randint(0, 30, {6});
  Tensor loss = losses::instance_softmax(v, bank, index, .1);
  CHECK(loss.item() == Approx(cross_entropy(matmul(normalize(v), bank, {.transpose_b = true}) / .1, index).item()));
  CHECK(losses::instance_softmax(v, bank, index, 1e7).item() == Approx(std::log(30.0)).epsilon(1e-5));
  CHECK(losses::instance_softmax(v * 5, bank, index, .1).item() == Approx(loss.item()).epsilon(1e-5));
  CHECK_THROWS_WITH(losses::instance_softmax(v, randn({30, 3}), index, .1), Catch::Contains("[30, 3]"));
  CHECK_THROWS_WITH(losses::instance_softmax(v, bank, index, 0), Catch::Contains("temperature"));
  losses::InstanceNce nce({.images = 30, .temperature = .1});
  CHECK_THROWS_WITH(nce(v, bank, bank), Catch::Contains("[6, 4]"));
}

TEST_CASE("no gradient reaches the bank", "[losses]") {
  Tensor bank = randn({9, 4}).set_requires_grad(), v = randn({3, 4}).set_requires_grad();
  losses::InstanceNce nce({.images = 9, .temperature = .1});
  (losses::instance_softmax(v, bank, Tensor::arange(3), .1) + nce(v, bank.slice(0, 3), bank.slice(3, 9))).backward();
  CHECK_FALSE(bank.grad().defined());
  CHECK(v.grad().defined());
}

TEST_CASE(
    "losses against a bank mind neither the order of a batch nor the lengths of features, and keep f32 under autocast",
    "[losses]") {
  Tensor bank = normalize(randn({30, 4})), v = randn({6, 4}), index = randperm(30).slice(0, 6), order = randperm(6);
  auto nce = [&](const Tensor& features, const Tensor& images) {
    losses::InstanceNce loss({.images = 30, .temperature = .3});
    return loss(features, gather_rows(bank, images), bank).item();
  };
  auto softmax = [&](const Tensor& features, const Tensor& images) {
    return losses::instance_softmax(features, bank, images, .3).item();
  };
  for (const auto& loss : {std::function<double(const Tensor&, const Tensor&)>(nce), {softmax}}) {
    const double value = loss(v, index);
    CHECK(loss(gather_rows(v, order), gather_rows(index, order)) == Approx(value).epsilon(1e-6));
    CHECK(loss(v * (rand({6, 1}) + .1), index) == Approx(value).epsilon(1e-5));
    CHECK(loss(v.to(Dtype::bf16), index) == Approx(value).margin(.02));
    const Autocast autocast;
    CHECK(loss(v, index) == value);
  }
}
