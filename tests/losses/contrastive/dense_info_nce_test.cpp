#include <fovea/losses/contrastive/dense_info_nce.h>

#include <algorithm>
#include <cmath>

#include <fovea/core/ops.h>
#include <fovea/losses/contrastive/info_nce.h>

#include "support/catch.h"

using namespace fovea;

TEST_CASE("DenseCL finds positions that changed places and scores them", "[losses]") {
  // Two positions of one image, swapped in the key's view.
  Tensor map = Tensor::from<float>({1, 1, 2, 2}, {3, 0, 0, 1}), swapped = flip(map, {2});
  Tensor matches = losses::dense_matches(map, swapped);
  CHECK(matches.to_vector<int64_t>() == std::vector<int64_t>{1, 0});
  Tensor query = reshape(one_hot(Tensor::arange(2), 3), {1, 1, 2, 3}), queue = Tensor::from<float>({1, 3}, {0, 0, 1});
  CHECK(losses::dense_info_nce(query, flip(query, {2}), matches, queue, .2).item() == Approx(.006715).margin(1e-6));
  CHECK_THROWS_WITH(losses::dense_matches(map, query), Catch::Contains("[1, 1, 2, 3]"));
}

TEST_CASE("DenseCL's matches are the nearest positions of the same image by cosine, without a gradient", "[losses]") {
  const int64_t n = 3, side = 3, c = 5, positions = side * side;
  Tensor a = randn({n, side, side, c}), b = randn({n, side, side, c});
  Tensor query = randn({n, side, side, 4}).set_requires_grad(), key = randn({n, side, side, 4});
  Tensor matches = losses::dense_matches(a * 7, b * (rand({n, side, side, 1}) + .1));
  std::vector<int64_t> found = matches.to_vector<int64_t>();
  std::vector<float> x = normalize(a).to_vector<float>(), y = normalize(b).to_vector<float>();
  for (int64_t i = 0; i < n * positions; ++i) {
    double best = -2, got = 0;
    for (int64_t j = 0; j < positions; ++j) {
      double dot = 0;
      for (int64_t d = 0; d < c; ++d)
        dot += double(x[size_t(i * c + d)]) * double(y[size_t((i / positions * positions + j) * c + d)]);
      best = std::max(best, dot);
      if (j == found[size_t(i)]) got = dot;
    }
    CHECK(got == Approx(best).margin(1e-6));
  }
  // Position by position, it is InfoNCE of the matched rows.
  Tensor queue = randn({11, 4}), rows = reshape(key, {n, positions, 4});
  std::vector<Tensor> positives;
  for (int64_t i = 0; i < n; ++i)
    positives.push_back(
        gather_rows(reshape(rows.slice(i, i + 1), {positions, 4}), reshape(matches.slice(i, i + 1), {positions})));
  CHECK(losses::dense_info_nce(query, key, matches, queue, .2).item() ==
        Approx(losses::info_nce(flatten(query, 0, 2), concat(positives), queue, .2).item()));
}

TEST_CASE("DenseCL's loss is one of cosines, whatever the order of the images", "[losses]") {
  Tensor query = randn({3, 2, 2, 4}), key = randn({3, 2, 2, 4}), queue = randn({11, 4});
  Tensor matches = losses::dense_matches(randn({3, 2, 2, 5}), randn({3, 2, 2, 5}));
  const double loss = losses::dense_info_nce(query, key, matches, queue, .2).item();
  CHECK(losses::dense_info_nce(query * 3, key * .1, matches, queue * 9, .2).item() == Approx(loss).epsilon(1e-5));
  auto turned = [](const Tensor& x) { return concat({x.slice(2, 3), x.slice(0, 2)}); };
  CHECK(losses::dense_info_nce(turned(query), turned(key), turned(matches), queue, .2).item() ==
        Approx(loss).epsilon(1e-6));
  CHECK(losses::dense_info_nce(query, key, matches, queue, 1e6).item() == Approx(std::log(12.0)).epsilon(1e-5));
}
