#include <fovea/models/eval/pca.h>

#include <cmath>

#include <fovea/core/ops.h>
#include <fovea/core/random.h>

#include "support/catch.h"

using namespace fovea;

TEST_CASE("principal components find the axes of an ellipse", "[models][eval]") {
  // 5 u along (0.6, 0.8), 1 v along (-0.8, 0.6), moved to (10, -3).
  Generator generator(3);
  Tensor uv = randn({4000, 2}, generator) * Tensor::from<float>({1, 2}, {5, 1});
  Tensor x = matmul(uv, Tensor::from<float>({2, 2}, {0.6f, 0.8f, -0.8f, 0.6f})) + Tensor::from<float>({1, 2}, {10, -3});
  models::Pca pca = models::pca(x, 2);
  const float* c = pca.components.data<float>();
  CHECK(c[0] == Approx(0.6f).margin(0.02));
  CHECK(c[1] == Approx(0.8f).margin(0.02));
  CHECK(c[2] == Approx(0.8f).margin(0.02));  // the sign makes the largest element positive
  CHECK(c[3] == Approx(-0.6f).margin(0.02));
  CHECK(pca.explained[0] == Approx(25.0 / 26).margin(0.01));
  CHECK(pca.explained[0] + pca.explained[1] == Approx(1));
  CHECK(pca.mean.data<float>()[0] == Approx(10).margin(0.3));

  Tensor y = pca(x);
  CHECK(mean(y, {0}).to_vector<float>()[0] == Approx(0).margin(1e-3));
  std::vector<float> spread = fovea::std(y, {0}).to_vector<float>();
  CHECK(spread[0] == Approx(5).epsilon(0.05));
  CHECK(spread[1] == Approx(1).epsilon(0.05));
}

TEST_CASE("rows that are all the same have components and no variance", "[models][eval]") {
  models::Pca pca = models::pca(Tensor::full({7, 3}, 2.5), 2);
  CHECK(pca.explained == std::vector<double>{0, 0});
  for (float v : pca(Tensor::full({7, 3}, 2.5)).to_vector<float>()) CHECK(v == Approx(0).margin(1e-6));
  models::Pca wide = models::pca(Tensor::full({3, 7}, 2.5), 2);
  CHECK(wide.explained == std::vector<double>{0, 0});
  CHECK(sum(square(wide.components)).item() == Approx(2));
}

TEST_CASE("pca of few long rows finds what the covariance matrix has", "[models][eval]") {
  Generator generator(5);
  const int64_t n = 12, d = 17;
  std::vector<float> scale;
  for (int64_t i = 0; i < d; ++i) scale.push_back(std::pow(2.f, -float(i) / 2));
  Tensor x = randn({n, d}, generator) * Tensor::from<float>({1, d}, scale) + 3.f;
  models::Pca few = models::pca(x, int(n));                   // n < d: from the [n, n] Gram matrix
  models::Pca many = models::pca(concat({x, x}, 0), int(n));  // 2 n > d: from the [d, d] scatter matrix
  std::vector<float> a = few.components.to_vector<float>(), b = many.components.to_vector<float>();
  for (int64_t k = 0; k < n; ++k) CHECK(few.explained[size_t(k)] == Approx(many.explained[size_t(k)]).margin(1e-6));
  for (int64_t i = 0; i < (n - 1) * d; ++i)
    CHECK(a[size_t(i)] == Approx(b[size_t(i)]).margin(2e-4));  // n - 1 is the rank
  std::vector<float> gram = matmul(few.components, few.components, {.transpose_b = true}).to_vector<float>();
  for (int64_t i = 0; i < n * n; ++i) CHECK(gram[size_t(i)] == Approx(i % (n + 1) == 0).margin(1e-5));
}

TEST_CASE("pca refuses what it cannot decompose", "[models][eval]") {
  CHECK_THROWS_WITH(models::pca(Tensor::zeros({1, 3})), Catch::Contains("at least two rows"));
  CHECK_THROWS_WITH(models::pca(Tensor::zeros({4, 3}), 4), Catch::Contains("between 1 and 3"));
  CHECK_THROWS_WITH(models::pca(Tensor::zeros({3, 4}), 4), Catch::Contains("between 1 and 3"));
  CHECK_THROWS_WITH(models::pca(Tensor::zeros({4, 3}, Dtype::f64)), Catch::Contains("f32"));
}
