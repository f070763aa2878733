#include <fovea/core/ops.h>

#include <cmath>

#include "support/catch.h"

using namespace fovea;

static std::vector<float> floats(const Tensor& t) {
  return t.to_vector<float>();
}

TEST_CASE("reductions take any dimensions and keep them on request", "[core][reduce]") {
  Tensor x = Tensor::arange(24).to(Dtype::f32).reshape({2, 3, 4});
  CHECK(sum(x).shape() == Shape{});
  CHECK(sum(x).item() == 276);
  CHECK(floats(sum(x, {1})) == std::vector<float>{12, 15, 18, 21, 48, 51, 54, 57});
  CHECK(sum(x, {0, 2}).shape() == Shape{3});
  CHECK(floats(sum(x, {0, 2})) == std::vector<float>{60, 92, 124});
  CHECK(floats(sum(x, {-1, 0})) == floats(sum(x, {0, 2})));
  CHECK(sum(x, {0, 2}, true).shape() == Shape{1, 3, 1});
  CHECK(floats(mean(x, {0, 1, 2}, true)) == std::vector<float>{11.5f});
  CHECK(floats(max(x, {0, 1})) == std::vector<float>{20, 21, 22, 23});
  CHECK(floats(min(x, {2})) == std::vector<float>{0, 4, 8, 12, 16, 20});
  CHECK(sum(Tensor::zeros({3, 0}), {1}).to_vector<float>() == std::vector<float>{0, 0, 0});
  CHECK(sum(Tensor::zeros({0, 3}), {1}).shape() == Shape{0});
  CHECK(std::isnan(mean(Tensor::zeros({0})).item()));
}

TEST_CASE("long sums in f32 stay close to the exact ones", "[core][reduce]") {
  Tensor x = rand({3, 1000003});
  double exact[3] = {}, columns[2] = {};
  std::vector<double> values = x.to_vector<double>();
  for (size_t i = 0; i < values.size(); ++i) exact[i / 1000003] += values[i];
  for (size_t i = 0; i < 2000000; ++i) columns[i % 2] += values[i];
  for (int r = 0; r < 3; ++r) CHECK(sum(x, {1}).to_vector<double>()[size_t(r)] == Approx(exact[r]).epsilon(1e-6));
  CHECK(sum(x).item() == Approx(exact[0] + exact[1] + exact[2]).epsilon(1e-6));
  Tensor tall = sum(flatten(x).slice(0, 2000000).reshape({1000000, 2}), {0});
  for (int c = 0; c < 2; ++c) CHECK(tall.to_vector<double>()[size_t(c)] == Approx(columns[c]).epsilon(1e-6));
  // Sums of bf16 are kept in f32: 4096 ones are 4096, not the 256 where bf16 stops counting.
  CHECK(sum(Tensor::ones({4096}, Dtype::bf16)).item() == 4096);
  CHECK(sum(Tensor::ones({4096, 3}, Dtype::bf16), {0}).to_vector<float>() == std::vector<float>{4096, 4096, 4096});
}

TEST_CASE("variance holds where the mean is large", "[core][reduce]") {
  Tensor x = randn({4099}) + 10000.0;
  std::vector<double> values = x.to_vector<double>();
  double mean_of = 0, square = 0;
  for (double v : values) mean_of += v / 4099;
  for (double v : values) square += (v - mean_of) * (v - mean_of);
  CHECK(var(x).item() == Approx(square / 4098).epsilon(1e-5));
  CHECK(var(x, {}, 0).item() == Approx(square / 4099).epsilon(1e-5));
  CHECK(fovea::std(x).item() == Approx(std::sqrt(square / 4098)).epsilon(1e-5));
  CHECK(std::isnan(var(Tensor::ones({1})).item()));
  CHECK(var(Tensor::ones({1}), {}, 0).item() == 0);
}

TEST_CASE("the gradient of std is 0 where all elements are equal", "[core][reduce]") {
  Tensor x = Tensor::ones({2, 3}).set_requires_grad();
  sum(fovea::std(x, {1})).backward();
  CHECK(floats(x.grad()) == std::vector<float>{0, 0, 0, 0, 0, 0});
}

TEST_CASE("ties share the gradient of max and min", "[core][reduce]") {
  Tensor x = Tensor::from<float>({2, 3}, {1, 4, 4, 2, 2, 2}).set_requires_grad();
  max(x, {1}).backward(Tensor::from<float>({2}, {1, 3}));
  CHECK(floats(x.grad()) == std::vector<float>{0, 0.5f, 0.5f, 1, 1, 1});
  x.zero_grad();
  min(x).backward();
  CHECK(floats(x.grad()) == std::vector<float>{1, 0, 0, 0, 0, 0});
}

TEST_CASE("a NaN anywhere is the result of max, min and argmax", "[core][reduce]") {
  for (int64_t n : {3, 20, 500, 5000}) {
    for (int64_t at : {int64_t(0), n / 2, n - 1}) {
      INFO(n << " at " << at);
      Tensor row = Tensor::ones({2, n}), column;
      row.data<float>()[n + at] = NAN;
      column = transpose(row, 0, 1);
      CHECK(floats(max(row, {1}))[0] == 1);
      CHECK(std::isnan(floats(max(row, {1}))[1]));
      CHECK(std::isnan(floats(min(row, {1}))[1]));
      CHECK(floats(max(column, {0}))[0] == 1);
      CHECK(std::isnan(floats(max(column, {0}))[1]));
      CHECK(std::isnan(floats(min(column, {0}))[1]));
      CHECK(argmax(row, 1).to_vector<int64_t>() == std::vector<int64_t>{0, at});
    }
  }
}

TEST_CASE("argmax is the first of the largest along any dimension", "[core][reduce]") {
  Tensor x = Tensor::from<float>({2, 3}, {1, 5, 5, 7, 0, 6});
  CHECK(argmax(x).to_vector<int64_t>() == std::vector<int64_t>{1, 0});
  CHECK(argmax(x, 0).to_vector<int64_t>() == std::vector<int64_t>{1, 0, 1});
  CHECK(argmax(x, 0, true).shape() == Shape{1, 3});
  CHECK(argmax(x.to(Dtype::bf16), 1).dtype() == Dtype::i64);
}

TEST_CASE("logsumexp neither overflows nor loses infinities", "[core][reduce]") {
  Tensor x = Tensor::from<float>({4, 2}, {1000, 1000, -1000, -1000, -INFINITY, -INFINITY, INFINITY, 0});
  std::vector<float> y = floats(logsumexp(x, {1}));
  CHECK(y[0] == Approx(1000 + std::log(2.0)));
  CHECK(y[1] == Approx(-1000 + std::log(2.0)));
  CHECK(y[2] == -INFINITY);
  CHECK(y[3] == INFINITY);
}

TEST_CASE("normalized rows have length one and a zero row stays zero", "[core][reduce]") {
  Tensor x = randn({5, 37});
  for (int64_t i = 0; i < 37; ++i) x.data<float>()[2 * 37 + i] = 0;
  x.set_requires_grad();
  Tensor y = normalize(x);
  std::vector<float> norms = floats(sqrt(sum(square(y), {1})));
  for (int r = 0; r < 5; ++r) CHECK(norms[size_t(r)] == Approx(r == 2 ? 0 : 1).margin(1e-6));
  sum(y).backward();
  for (float g : floats(x.grad())) CHECK(std::isfinite(g));
}

TEST_CASE("cosine similarity is 1 of itself, 0 of a zero row, and broadcasts", "[core][reduce]") {
  Tensor a = Tensor::from<float>({2, 2}, {3, 4, 0, 0}).set_requires_grad(), b = Tensor::from<float>({2}, {6, 8});
  Tensor y = cosine_similarity(a, b);
  CHECK(y.shape() == Shape{2});
  CHECK(floats(y)[0] == Approx(1));
  CHECK(floats(y)[1] == 0);
  sum(y).backward();
  for (float g : floats(a.grad())) CHECK(std::isfinite(g));
}

TEST_CASE("a reduction of what cannot be reduced says so", "[core][reduce]") {
  Tensor x = Tensor::ones({2, 3});
  CHECK_THROWS_WITH(sum(x, {2}), Catch::Contains("sum: want a dimension of [2, 3], got 2"));
  CHECK_THROWS_WITH(sum(x, {0, -2}), Catch::Contains("each dimension once"));
  CHECK_THROWS_WITH(max(Tensor::zeros({2, 0}), {1}),
                    Catch::Contains("max: want at least one element") && Catch::Contains("[2, 0]"));
  CHECK_THROWS_WITH(argmax(Tensor::zeros({0, 2}), 0), Catch::Contains("argmax: want at least one element"));
  CHECK_THROWS_WITH(mean(x.to(Dtype::i64)), Catch::Contains("mean: want f32"));
  CHECK_THROWS_WITH(cosine_similarity(x, Tensor::ones({4})),
                    Catch::Contains("cosine_similarity: want shapes that broadcast"));
}
