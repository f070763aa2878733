#include <cmath>

#include <fovea/core/ops.h>
#include <fovea/core/random.h>

#include "support/catch.h"

using namespace fovea;

TEST_CASE("Sinkhorn's codes have their known values", "[core][cluster]") {
  Tensor scores = Tensor::from<double>({3, 2}, {.5, 0, .4, .1, 0, .3});
  std::vector<double> three = sinkhorn(scores, {.iterations = 3}).to_vector<double>(),
                      fifty = sinkhorn(scores, {.iterations = 50}).to_vector<double>();
  const double wanted[] = {.993266, .006734, .729834, .270166, .0000166, .9999834};
  const double balanced[] = {.983165, .016835, .516828, .483172, .0000066, .9999934};
  for (size_t i = 0; i < 6; ++i) {
    CHECK(three[i] == Approx(wanted[i]).margin(1e-6));
    CHECK(fifty[i] == Approx(balanced[i]).margin(1e-6));
  }
  std::vector<double> soft = sum(sinkhorn(scores, {.epsilon = 0.5}), {0}).to_vector<double>();
  CHECK(soft[0] == Approx(1.499728).margin(1e-6));
  CHECK(soft[1] == Approx(1.500272).margin(1e-6));
}

TEST_CASE("Sinkhorn's codes sum to 1 for every sample, also where one sample scores far above the rest",
          "[core][cluster]") {
  Generator generator(1);
  for (double lead : {0.0, 50.0})
    for (Shape shape : {Shape{1, 1}, Shape{37, 5}, Shape{9, 300}}) {
      Tensor scores = randn(shape, generator) * 0.3;
      for (int64_t k = 0; k < shape[1]; ++k) scores.data<float>()[k] += float(lead);
      for (float total : sum(sinkhorn(scores), {1}).to_vector<float>()) CHECK(total == Approx(1).epsilon(1e-5));
    }
  Tensor scores = randn({150, 20}, generator) * 0.3;  // several blocks of samples
  for (int64_t coded : {11, 100})
    CHECK(sinkhorn(scores.slice(0, coded), {.iterations = 3}, scores.slice(coded, 150)).to_vector<float>() ==
          sinkhorn(scores).slice(0, coded).to_vector<float>());
  CHECK_THROWS_WITH(sinkhorn(scores, {.iterations = 3}, Tensor::ones({4, 21})), Catch::Contains("[Q, 20]"));
  CHECK_THROWS_WITH(sinkhorn(scores, {.iterations = 3}, Tensor::ones({4, 20}, Dtype::f64)), Catch::Contains("f64"));
  CHECK_THROWS_WITH(sinkhorn(Tensor::ones({3})), Catch::Contains("[3]"));
  CHECK_THROWS_WITH(sinkhorn(Tensor::ones({3, 2}), {.epsilon = 0}), Catch::Contains("epsilon"));
}

TEST_CASE("the nearest row is the one with the largest dot product, the first of equal ones", "[core][cluster]") {
  Tensor rows = Tensor::from<float>({4, 2}, {1, 0, 0, 1, 0, 1, -1, 0});
  Tensor x = Tensor::from<float>({4, 2}, {.1f, 3, 2, -1, -1, -.5f, NAN, 0});
  CHECK(nearest_rows(x, rows).to_vector<int64_t>() == std::vector<int64_t>{1, 0, 3, -1});
  Generator generator(4);
  Tensor bank = normalize(randn({300, 17}, generator));
  CHECK(nearest_rows(bank.slice(40, 90), bank).to_vector<int64_t>() ==
        (argmax(matmul(bank.slice(40, 90), bank, {.transpose_b = true}))).to_vector<int64_t>());
  CHECK(nearest_rows(bank, bank).to_vector<int64_t>() == Tensor::arange(300).to_vector<int64_t>());
  CHECK(nearest_rows(bank.slice(0, 0), bank).shape() == Shape{0});
  CHECK_THROWS_WITH(nearest_rows(bank, rows), Catch::Contains("[4, 2]"));
}

TEST_CASE("k-means finds the clusters of separated points and leaves empty centres alone", "[core][cluster]") {
  Generator generator(2);
  Tensor around = Tensor::from<float>({3, 2}, {0, 0, 10, 0, 0, 10});
  Tensor x = reshape(reshape(around, {3, 1, 2}) + randn({3, 20, 2}, generator) * 0.1, {60, 2});
  Tensor centres = Tensor::from<float>({4, 2}, {1, 1, 8, 1, 1, 9, -50, -50}), labels;
  for (int i = 0; i < 3; ++i) {
    labels = kmeans_assign(x, centres);
    centres = kmeans_update(x, labels, centres);
  }
  std::vector<int64_t> found = labels.to_vector<int64_t>();
  for (int64_t i = 0; i < 60; ++i) CHECK(found[size_t(i)] == i / 20);
  std::vector<float> means = mean(reshape(x, {3, 20, 2}), {1}).to_vector<float>(), got = centres.to_vector<float>();
  for (size_t i = 0; i < 6; ++i) CHECK(got[i] == Approx(means[i]).margin(1e-5));
  CHECK((got[6] == -50 && got[7] == -50));
  CHECK_THROWS_WITH(kmeans_assign(x, Tensor::ones({4, 3})), Catch::Contains("[4, 3]"));
  CHECK_THROWS_WITH(kmeans_update(x, Tensor::ones({60}), centres), Catch::Contains("i64"));
}
