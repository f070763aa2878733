#include <cmath>
#include <limits>

#include <fovea/core/autocast.h>
#include <fovea/core/ops.h>
#include <fovea/core/ops/linalg.h>
#include <fovea/core/random.h>

#include "support/catch.h"
#include "support/op_rows.h"

using namespace fovea;
using fovea::testing::relative_error;

namespace {

Tensor eye(int64_t n, Dtype dtype = Dtype::f32) {
  return one_hot(Tensor::arange(n), n).to(dtype);
}

// The first `cols` columns of an orthogonal matrix [rows, rows].
Tensor orthogonal(int64_t rows, int64_t cols) {
  const Tensor u = normalize(randn({rows, 1}).to(Dtype::f64), 0), v = normalize(randn({rows, 1}).to(Dtype::f64), 0);
  const MatmulOptions outer{.transpose_b = true};
  const Tensor one = eye(rows, Dtype::f64);
  return slice(matmul(one - matmul(u, u, outer) * 2, one - matmul(v, v, outer) * 2), 1, 0, cols).clone();
}

}  // namespace

TEST_CASE("whitening gives the values that are known", "[core][linalg]") {
  const double r = 0.866025;
  const Tensor corners = Tensor::from<float>({4, 2}, {1, 1, 1, -1, -1, 1, -1, -1});
  const Tensor skewed = Tensor::from<float>({4, 2}, {1, 0, -1, 0, 1, 2, -1, -2});
  const Tensor z = whiten(stack({corners, skewed})).reshape({16});
  const double wanted[] = {r, r, r, -r, -r, r, -r, -r, r, -r, -r, r, r, r, -r, -r};
  for (int i = 0; i < 16; ++i) CHECK(z.slice(i, i + 1).item() == Approx(wanted[i]));
}

TEST_CASE("whitened groups have mean 0 and covariance I", "[core][linalg]") {
  manual_seed(1);
  for (auto [groups, n, d] : {std::array<int64_t, 3>{1, 2, 1}, {3, 40, 17}, {2, 256, 128}}) {
    INFO(groups << " groups of " << n << " x " << d);
    const Tensor x = matmul(randn({groups, n, d}), randn({d, d}) + eye(d) * 20) + 5, z = whiten(x);
    CHECK(max(abs(mean(z, {1}))).item() < 1e-5);
    const Tensor covariance = matmul(z, z, {.transpose_a = true}) / double(n - 1);
    CHECK(relative_error(covariance, expand(eye(d), {groups, d, d})) < 1e-4);
    CHECK(sum(square(z)).item() == Approx(double(groups * (n - 1) * d)).epsilon(1e-4));
  }
}

TEST_CASE("whitening is the same under Autocast, shrinks with eps, and is NaN where it cannot be", "[core][linalg]") {
  manual_seed(2);
  const Tensor x = randn({12, 3}), z = whiten(x);
  {
    Autocast autocast;
    CHECK(relative_error(whiten(x), z) == 0);
  }
  CHECK(relative_error(whiten(x, 1), x - mean(x, {0}, true)) < 1e-6);
  CHECK(std::isnan(sum(whiten(Tensor::ones({5, 2}))).item()));
  CHECK(std::isfinite(sum(whiten(Tensor::ones({5, 2}), 0.1)).item()));
}

TEST_CASE("the nuclear norm and its gradient are those of the decomposition that made the matrix", "[core][linalg]") {
  manual_seed(3);
  for (auto [m, n] : {std::array<int64_t, 2>{1, 1}, {40, 9}, {17, 70}, {33, 33}, {128, 128}})
    for (Dtype dtype : {Dtype::f32, Dtype::f64}) {
      INFO(name_of(dtype) << " " << m << " x " << n);
      const int64_t k = std::min(m, n);
      const Tensor u = orthogonal(m, k), v = orthogonal(n, k);
      Tensor values = Tensor::empty({1, k}, Dtype::f64);
      for (int64_t i = 0; i < k; ++i) values.data<double>()[i] = 3 * std::pow(1e-3, double(i) / double(k));
      const Tensor uv = matmul(u, v, {.transpose_b = true});
      Tensor x = matmul(u * values, v, {.transpose_b = true}).to(dtype).set_requires_grad();
      Tensor norm = nuclear_norm(x);
      CHECK(norm.item() == Approx(sum(values).item()).epsilon(dtype == Dtype::f64 ? 1e-12 : 1e-6));
      norm.backward();
      CHECK(relative_error(x.grad(), uv) < (dtype == Dtype::f64 ? 1e-10 : 1e-4));
    }
}

TEST_CASE("matrices of lower rank have their nuclear norm, and 0 has the gradient 0", "[core][linalg]") {
  manual_seed(4);
  const Tensor column = randn({20, 1}), row = randn({1, 30});
  Tensor x = matmul(column, row).set_requires_grad();
  Tensor norm = nuclear_norm(x);
  CHECK(norm.item() == Approx(std::sqrt(sum(square(x)).item())).epsilon(1e-5));
  norm.backward();
  CHECK(matmul(matmul(normalize(column, 0), x.grad(), {.transpose_a = true}), normalize(row, 1), {.transpose_b = true})
            .item() == Approx(1).epsilon(1e-5));
  CHECK(max(nuclear_norm(x.grad())).item() <= 20 * 1.001);
  Tensor zero = Tensor::zeros({3, 4}).set_requires_grad();
  norm = nuclear_norm(zero);
  norm.backward();
  CHECK(norm.item() == 0);
  CHECK(sum(abs(zero.grad())).item() == 0);
  CHECK(nuclear_norm(Tensor::full({2, 2}, 1e-25)).item() == Approx(0).margin(1e-20));
}

TEST_CASE("whitening and the nuclear norm say what they wanted", "[core][linalg]") {
  CHECK_THROWS_WITH(whiten(randn({4, 4})), Catch::Contains("N > D"));
  CHECK_THROWS_WITH(whiten(randn({4})), Catch::Contains("matrices"));
  CHECK_THROWS_WITH(whiten(randn({4, 2}), -1), Catch::Contains("eps in [0, 1]"));
  CHECK_THROWS_WITH(nuclear_norm(Tensor::zeros({2, 3}, Dtype::i64)), Catch::Contains("floating dtype"));
}
