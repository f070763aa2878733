#include <fovea/models/eval/knn.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include <fovea/core/ops.h>
#include <fovea/core/random.h>

#include "support/catch.h"

using namespace fovea;

namespace {

// Unit vectors of the plane whose cosine with (1, 0) is as given.
Tensor with_cosines(const std::vector<float>& cosines) {
  std::vector<float> xy;
  for (float c : cosines) xy.insert(xy.end(), {c, std::sqrt(1 - c * c)});
  return Tensor::from<float>({int64_t(cosines.size()), 2}, xy);
}

}  // namespace

TEST_CASE("k-NN weighs votes by exp(similarity / temperature)", "[models][eval]") {
  // One neighbour of class 0 at 0.9 against two of class 1 at 0.8: 8103 to 5962 at T = 0.1, 2.46 to 4.45 at T = 1.
  models::Features bank{with_cosines({0.9f, 0.8f, 0.8f}), Tensor::from<int64_t>({3}, {0, 1, 1})};
  Tensor query = Tensor::from<float>({1, 2}, {1, 0});
  CHECK(models::knn_predict(bank, query, 2, {.k = 3, .temperature = 0.1}).item() == 0);
  CHECK(models::knn_predict(bank, query, 2, {.k = 3, .temperature = 1}).item() == 1);
  CHECK(models::knn_predict(bank, query, 2, {.k = 1, .temperature = 1}).item() == 0);
  CHECK(models::knn_predict(bank, query * 1000.0, 2, {.k = 200, .temperature = 1}).item() ==
        1);  // k is clamped, length is nothing
  CHECK(models::knn_predict(bank, query, 2, {.k = 3, .temperature = 1e-3}).item() == 0);  // exp(900) overflows nothing
}

TEST_CASE("nearest rows are those of a full sort", "[models][eval]") {
  Generator generator(5);
  Tensor bank = randn({1037, 33}, generator), queries = randn({19, 33}, generator);
  models::Neighbours found = models::nearest(bank, queries, 7);
  REQUIRE(found.index.shape() == Shape{19, 7});
  std::vector<double> cosines(1037);
  for (int64_t q = 0; q < 19; ++q) {
    for (int64_t b = 0; b < 1037; ++b) {
      double dot = 0, bb = 0, qq = 0;
      for (int64_t d = 0; d < 33; ++d) {
        double u = bank.data<float>()[b * 33 + d], v = queries.data<float>()[q * 33 + d];
        dot += u * v, bb += u * u, qq += v * v;
      }
      cosines[size_t(b)] = dot / std::sqrt(bb * qq);
    }
    std::vector<int64_t> order(1037);
    std::iota(order.begin(), order.end(), 0);
    std::sort(order.begin(), order.end(),
              [&](int64_t a, int64_t b) { return cosines[size_t(a)] > cosines[size_t(b)]; });
    for (int64_t k = 0; k < 7; ++k) {
      CHECK(found.index.data<int64_t>()[q * 7 + k] == order[size_t(k)]);
      CHECK(found.similarity.data<float>()[q * 7 + k] == Approx(cosines[size_t(order[size_t(k)])]).margin(1e-5));
    }
  }
}

TEST_CASE("k-NN accuracy is the share of right predictions", "[models][eval]") {
  models::Features bank{with_cosines({1, 0, -1}), Tensor::from<int64_t>({3}, {0, 1, 2})};
  models::Features queries{with_cosines({0.99f, 0.1f, -0.9f, 0.95f}), Tensor::from<int64_t>({4}, {0, 1, 2, 2})};
  CHECK(models::knn_accuracy(bank, queries, 3, {.k = 1}) == Approx(0.75));
}

TEST_CASE("k-NN refuses features and labels that do not fit", "[models][eval]") {
  models::Features bank{Tensor::zeros({3, 4}), Tensor::from<int64_t>({3}, {0, 1, 5})};
  CHECK_THROWS_WITH(models::knn_predict(bank, Tensor::zeros({2, 5}), 6),
                    Catch::Contains("[3, 4]") && Catch::Contains("[2, 5]"));
  CHECK_THROWS_WITH(models::knn_predict(bank, Tensor::zeros({2, 4}), 5), Catch::Contains("label"));
  CHECK_THROWS_WITH(models::nearest(Tensor::zeros({0, 4}), Tensor::zeros({2, 4}), 3), Catch::Contains("[0, 4]"));
  CHECK_THROWS_WITH(models::knn_predict(bank, Tensor::zeros({2, 4}), 6, {.temperature = 0}),
                    Catch::Contains("temperature"));
}
