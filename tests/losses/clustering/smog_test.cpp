#include <fovea/losses/clustering/smog.h>

#include <cmath>

#include <fovea/core/autocast.h>
#include <fovea/core/ops.h>

#include "support/catch.h"
#include "support/op_rows.h"

using namespace fovea;
using namespace fovea::testing;
using losses::Smog;

namespace {

Smog with_groups(const Tensor& groups, losses::SmogOptions options = {}) {
  options.groups = groups.size(0), options.features = groups.size(1);
  Smog loss(options);
  loss.groups.value = groups;
  return loss;
}

}  // namespace

TEST_CASE("SMoG's assigned groups move towards the mean of their rows, others stay", "[losses]") {
  Tensor groups = Tensor::from<float>({2, 2}, {1, 0, -1, 0});
  Smog loss = with_groups(groups);
  Tensor e = Tensor::from<float>({2, 2}, {0.5f, 1, -0.5f + 0.75f, 1});  // both nearest to the first group
  loss(e, e, e);
  std::vector<float> moved = loss.groups.value.to_vector<float>();
  CHECK(moved[0] == Approx(0.99 + 0.01 * 0.375));
  CHECK(moved[1] == Approx(0.01));
  CHECK(moved[2] == -1);
  CHECK(moved[3] == 0);

  Smog up = with_groups(Tensor::from<float>({1, 2}, {1, 0}));
  Tensor north = Tensor::from<float>({1, 2}, {0, 1});
  up(north, north, north);
  moved = up.groups.value.to_vector<float>();
  CHECK(moved[0] == Approx(0.99));
  CHECK(moved[1] == Approx(0.01));
}

TEST_CASE("SMoG's loss is the cross-entropy over the moved groups at the teacher's", "[losses]") {
  Generator generator(1);
  const int64_t n = 7, d = 3, k = 4;
  Tensor p = randn({n, d}, generator), e0 = randn({n, d}, generator), e1 = randn({n, d}, generator);
  Smog loss = with_groups(normalize(randn({k, d}, generator)), {.beta = 0.8, .temperature = 0.3});
  std::vector<int64_t> target = loss.assign(e1).to_vector<int64_t>();
  double value = loss(p, e0, e1).item(), expected = 0;
  std::vector<double> x = p.to_vector<double>(), g = loss.groups.value.to_vector<double>();  // G', of this very step
  auto dot = [&](const std::vector<double>& a, size_t i, const std::vector<double>& b, size_t j) {
    double sum = 0;
    for (size_t c = 0; c < size_t(d); ++c) sum += a[i * size_t(d) + c] * b[j * size_t(d) + c];
    return sum;
  };
  for (size_t i = 0; i < size_t(n); ++i) {
    auto exponent = [&](size_t j) {
      return std::exp(dot(x, i, g, j) / std::sqrt(dot(x, i, x, i) * dot(g, j, g, j)) / 0.3);
    };
    double total = 0;
    for (size_t j = 0; j < size_t(k); ++j) total += exponent(j);
    expected -= std::log(exponent(size_t(target[i])) / total) / double(n);
  }
  CHECK(value == Approx(expected).epsilon(1e-5));
}

TEST_CASE("SMoG's gradient reaches the projections through the groups, and the teacher's never", "[losses]") {
  Generator generator(2);
  Tensor p = randn({6, 4}, generator).set_requires_grad(), e0 = randn({6, 4}, generator).set_requires_grad(),
         e1 = randn({6, 4}, generator).set_requires_grad();
  Smog loss = with_groups(normalize(randn({3, 4}, generator)));
  Tensor value = loss(p, e0, e1);
  CHECK_FALSE(loss.groups.value.requires_grad());
  loss(e1, p, e0);  // a step between does not touch what the first one's gradient needs
  value.backward();
  CHECK(sum(abs(p.grad())).item() > 1e-3);
  CHECK(sum(abs(e0.grad())).item() > 1e-5);
  CHECK_FALSE(e1.grad().defined());
}

TEST_CASE("SMoG does not mind the order of rows, nor the lengths of predictions and targets", "[losses]") {
  Generator generator(3);
  Tensor p = randn({9, 5}, generator), e0 = randn({9, 5}, generator), e1 = randn({9, 5}, generator);
  Tensor order = randperm(9, generator), groups = normalize(rand({6, 5}, generator));
  double loss = with_groups(groups)(p, e0, e1).item();
  CHECK(with_groups(groups)(gather_rows(p, order), gather_rows(e0, order), gather_rows(e1, order)).item() ==
        Approx(loss).epsilon(1e-5));
  CHECK(with_groups(groups)(p * 3, e0, e1 * 7).item() == Approx(loss).epsilon(1e-5));
  {
    Autocast autocast;
    CHECK(with_groups(groups)(p, e0, e1).item() == loss);
  }
}

TEST_CASE("a reset of SMoG's groups finds the directions of its rows", "[losses]") {
  Generator generator(4);
  Tensor around = Tensor::from<float>({3, 2}, {10, 0, 0, 20, -30, 0});
  Tensor rows = reshape(reshape(around, {3, 1, 2}) + randn({3, 20, 2}, generator) * 0.1, {60, 2});
  Smog loss = with_groups(normalize(Tensor::ones({3, 2})));
  bool separate = false;  // k-means ends where its start leads: from one row of each cluster, in the clusters
  for (int attempt = 0; attempt < 20 && !separate; ++attempt) {
    loss.reset(rows, 10, generator);
    std::vector<int64_t> found = loss.assign(around).to_vector<int64_t>();
    separate = found[0] != found[1] && found[1] != found[2] && found[0] != found[2];
    for (double length : sum(square(loss.groups.value), {1}).to_vector<double>()) CHECK(length == Approx(1));
    if (!separate) continue;
    Tensor direction = gather_rows(loss.groups.value, loss.assign(around));
    CHECK(relative_error(direction, normalize(around)) < 0.01);
  }
  CHECK(separate);
  Generator one(9), two(9);
  Smog a = loss, b = loss;
  a.reset(rows, 3, one);
  b.reset(rows, 3, two);
  CHECK(a.groups.value.to_vector<float>() == b.groups.value.to_vector<float>());
}

TEST_CASE("SMoG's groups are state, and SMoG says what it wanted", "[losses]") {
  Smog loss({.groups = 5, .features = 3});
  REQUIRE(loss.state().size() == 1);
  CHECK(loss.state()[0].name == "groups");
  CHECK(loss.describe() == "Smog(groups=5, features=3, beta=0.99, temperature=0.1)");
  Tensor x = Tensor::ones({4, 3});
  CHECK_THROWS_WITH(loss(x, x, Tensor::ones({4, 2})), Catch::Contains("[4, 2]"));
  CHECK_THROWS_WITH(loss.reset(x), Catch::Contains("at least 5"));
  CHECK_THROWS_AS(Smog({.temperature = 0}), Error);
}
