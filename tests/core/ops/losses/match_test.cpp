#include <fovea/core/ops/losses/match.h>

#include <fovea/core/random.h>

#include "support/catch.h"

using namespace fovea;

TEST_CASE("places are matched with the nearest, and the nearest pairs are kept in order", "[core][match]") {
  // One image. a's places at 0, 10, 4 and 7; b's at 9, 1 and 5: nearest 1, 9, 5 and (a tie) 9, all a step or two apart.
  Tensor a = Tensor::from<float>({1, 4, 1}, {0, 10, 4, 7}), b = Tensor::from<float>({1, 3, 1}, {9, 1, 5});
  Matches all = match_nearest(a, b, 4);
  CHECK(all.a.to_vector<int64_t>() == std::vector<int64_t>{0, 1, 2, 3});
  CHECK(all.b.to_vector<int64_t>() == std::vector<int64_t>{1, 0, 2, 0});
  Matches three = match_nearest(a, b, 3);
  CHECK(three.a.to_vector<int64_t>() == std::vector<int64_t>{0, 1, 2});
  Matches two = match_nearest(b, a, 2);  // 9 - 10, 1 - 0, 5 - 4: all at 1
  CHECK(two.a.to_vector<int64_t>() == std::vector<int64_t>{0, 1});
  CHECK(two.b.to_vector<int64_t>() == std::vector<int64_t>{1, 0});
}

TEST_CASE("matches are those of a search through all pairs", "[core][match]") {
  Generator generator(1);
  for (auto [images, from, to, dim, count] :
       {std::array<int64_t, 5>{1, 1, 1, 1, 1}, {3, 7, 5, 2, 4}, {2, 16, 49, 33, 16}, {5, 49, 16, 130, 20}}) {
    INFO(images << " images, " << from << " to " << to << " places of " << dim << ", " << count << " matches");
    Tensor a = randn({images, from, dim}, generator).to(Dtype::f64),
           b = randn({images, to, dim}, generator).to(Dtype::f64);
    Matches matches = match_nearest(a, b, count), same = match_nearest(a.to(Dtype::f32), b.to(Dtype::f32), count);
    CHECK(same.a.to_vector<int64_t>() == matches.a.to_vector<int64_t>());
    CHECK(same.b.to_vector<int64_t>() == matches.b.to_vector<int64_t>());
    for (int64_t n = 0; n < images; ++n) {
      std::vector<std::pair<double, int64_t>> nearest;  // distance and place of a
      std::vector<int64_t> partner;
      for (int64_t i = 0; i < from; ++i) {
        std::pair<double, int64_t> best{INFINITY, -1};
        for (int64_t j = 0; j < to; ++j) {
          double squares = 0;
          for (int64_t d = 0; d < dim; ++d) {
            const double apart = a.data<double>()[(n * from + i) * dim + d] - b.data<double>()[(n * to + j) * dim + d];
            squares += apart * apart;
          }
          best = std::min(best, {squares, j});
        }
        nearest.push_back({best.first, i});
        partner.push_back(best.second);
      }
      std::sort(nearest.begin(), nearest.end());
      std::vector<int64_t> kept;
      for (int64_t i = 0; i < count; ++i) kept.push_back(nearest[size_t(i)].second);
      std::sort(kept.begin(), kept.end());
      for (int64_t i = 0; i < count; ++i) {
        CHECK(matches.a.data<int64_t>()[n * count + i] == kept[size_t(i)]);
        CHECK(matches.b.data<int64_t>()[n * count + i] == partner[size_t(kept[size_t(i)])]);
      }
    }
  }
}

TEST_CASE("places that are not numbers are the last to be matched", "[core][match]") {
  Tensor a = Tensor::from<float>({1, 3, 1}, {NAN, 1, NAN}), b = Tensor::from<float>({1, 2, 1}, {5, 1});
  Matches matches = match_nearest(a, b, 2);
  CHECK(matches.a.to_vector<int64_t>() == std::vector<int64_t>{0, 1});
  CHECK(matches.b.to_vector<int64_t>() == std::vector<int64_t>{0, 1});
}

TEST_CASE("the centres of cells lie within the view, not on its edge", "[core][match]") {
  Tensor crop = Tensor::from<float>({1, 2, 3}, {4, 0, 0, 0, 8, 100});  // left 0, width 4; top 100, height 8
  std::vector<float> at = cell_centres(crop, 2, 4).to_vector<float>();
  CHECK(at == std::vector<float>{.5, 102, 1.5, 102, 2.5, 102, 3.5, 102, .5, 106, 1.5, 106, 2.5, 106, 3.5, 106});
  Tensor mirrored = Tensor::from<float>({1, 2, 3}, {-4, 0, 4, 0, 8, 100});
  CHECK(cell_centres(mirrored, 1, 4).to_vector<float>() == std::vector<float>{3.5, 104, 2.5, 104, 1.5, 104, .5, 104});
}

TEST_CASE("matching says what it wanted", "[core][match]") {
  CHECK_THROWS_WITH(match_nearest(Tensor::ones({2, 3, 4}), Tensor::ones({2, 3, 5}), 1), Catch::Contains("[2, 3, 5]"));
  CHECK_THROWS_WITH(match_nearest(Tensor::ones({2, 3, 4}), Tensor::ones({2, 3, 4}), 4), Catch::Contains("1 to 3"));
  CHECK_THROWS_WITH(cell_centres(Tensor::ones({2, 3}), 2, 2), Catch::Contains("[2, 3]"));
  CHECK_THROWS_WITH(cell_centres(Tensor::ones({1, 2, 3}), 0, 2), Catch::Contains("0 x 2"));
}
