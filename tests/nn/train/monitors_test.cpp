#include <fovea/nn/train/monitors.h>

#include <fovea/core/random.h>

#include "support/catch.h"

using namespace fovea;

TEST_CASE("the spread of normalised outputs is known for simple batches", "[nn]") {
  CHECK(nn::normalized_std(Tensor::from<float>({2, 2}, {1, 0, 0, 1})) == Approx(0.707107).margin(1e-6));
  CHECK(nn::normalized_std(Tensor::full({7, 5}, 3)) == Approx(0).margin(1e-9));
  Generator generator(1);
  CHECK(nn::normalized_std(randn({20000, 128}, generator)) == Approx(0.088387).margin(5e-5));
  CHECK_THROWS_WITH(nn::normalized_std(Tensor::zeros({1, 4})), Catch::Contains("at least 2 rows"));
  CHECK_THROWS_WITH(nn::normalized_std(Tensor::zeros({4})), Catch::Contains("[N, D]"));
}

TEST_CASE("the effective rank counts directions", "[nn]") {
  Tensor eye = Tensor::from<float>({3, 3}, {1, 0, 0, 0, 1, 0, 0, 0, 1});
  CHECK(nn::effective_rank(eye) == Approx(3));
  CHECK(nn::effective_rank(Tensor::ones({9, 4})) == Approx(1).margin(1e-5));
  CHECK(nn::effective_rank(Tensor::ones({4, 9})) == Approx(1).margin(1e-5));
  CHECK(nn::effective_rank(Tensor::zeros({4, 3})) == 0);
  // Singular values 3 and 1: exp of the entropy of (3/4, 1/4).
  CHECK(nn::effective_rank(Tensor::from<double>({2, 3}, {3, 0, 0, 0, 1, 0})) == Approx(1.7547654).margin(1e-6));
  CHECK(nn::effective_rank(Tensor::from<float>({2, 2}, {0, 2, 2, 0}).to(Dtype::bf16)) == Approx(2));
  CHECK(std::isnan(nn::effective_rank(Tensor::full({2, 2}, NAN))));
}

TEST_CASE("the mean correlation is 1 for copies and 0 for independent dimensions", "[nn]") {
  CHECK(nn::mean_correlation(Tensor::from<float>({3, 2}, {1, -2, 2, -4, 4, -8})) == Approx(1));
  CHECK(nn::mean_correlation(Tensor::from<float>({4, 2}, {1, 1, 1, -1, -1, 1, -1, -1})) == Approx(0).margin(1e-9));
  CHECK(nn::mean_correlation(Tensor::from<float>({4, 2}, {1, 5, 1, 5, -1, 5, -1, 5})) == 0);
  CHECK_THROWS_WITH(nn::mean_correlation(Tensor::zeros({4, 1})), Catch::Contains("two dimensions"));
}

TEST_CASE("similarities of views separate positives from negatives", "[nn]") {
  Tensor a = Tensor::from<float>({2, 2}, {2, 0, 0, 3}), b = Tensor::from<float>({2, 2}, {1, 0, 0.6f, 0.8f});
  nn::Similarities s = nn::view_similarities(a, b);
  CHECK(s.positive == Approx((1 + 0.8) / 2));
  CHECK(s.negative == Approx((0.6 + 0) / 2));
  s = nn::view_similarities(Tensor::ones({5, 3}), Tensor::full({5, 3}, 2));
  CHECK(s.positive == Approx(1));
  CHECK(s.negative == Approx(1));
  CHECK_THROWS_WITH(nn::view_similarities(a, Tensor::zeros({3, 2})), Catch::Contains("one shape"));
}
