#include <fovea/losses/decorrelation/vicregl.h>

#include <fovea/core/ops.h>
#include <fovea/core/random.h>

#include "support/catch.h"

using namespace fovea;
using losses::vicregl;
using losses::VicReglOptions;
using losses::VicReglView;

namespace {

// A view of n images whose crop is [left, left + side] x [0, side], mirrored or not, with random features.
VicReglView random_view(int64_t n, int64_t places, float left, float side, bool mirror, Generator& generator) {
  std::vector<float> affine;
  for (int64_t i = 0; i < n; ++i)
    for (float number : {mirror ? -side : side, 0.0f, mirror ? left + side : left, 0.0f, side, 0.0f})
      affine.push_back(number);
  return {randn({n, 5}, generator), randn({n, places * places, 3}, generator),
          cell_centres(Tensor::from<float>({n, 2, 3}, affine), places, places)};
}

VicReglOptions invariance_alone(double alpha) {
  return {.alpha = alpha, .weights = {1, 0, 0}};
}

}  // namespace

TEST_CASE("the same view twice is matched place by place", "[losses]") {
  Generator generator(1);
  VicReglView view = random_view(4, 3, 2, 6, false, generator);
  CHECK(vicregl({view, view}, invariance_alone(0)).item() == 0);
  CHECK(vicregl({view, view}, invariance_alone(1)).item() == 0);
}

TEST_CASE("a mirrored view is matched with the mirrored places", "[losses]") {
  Generator generator(2);
  VicReglView view = random_view(4, 3, 2, 6, false, generator), mirrored = random_view(4, 3, 2, 6, true, generator);
  mirrored.map = reshape(flip(reshape(view.map, {4, 3, 3, 3}), {2}), {4, 9, 3});
  VicReglOptions all = invariance_alone(0);
  all.matches_back = 9;
  CHECK(vicregl({view, mirrored}, all).item() == 0);
  mirrored.centres = view.centres;  // the location says otherwise
  CHECK(vicregl({view, mirrored}, all).item() > 0.1);
}

TEST_CASE("two halves of an image meet at their border", "[losses]") {
  Generator generator(3);
  VicReglView left = random_view(2, 2, 0, 4, false, generator), right = random_view(2, 2, 4, 4, false, generator);
  // The mean squared difference of the first map's places `from` and the second map's places `to`.
  auto apart = [](const Tensor& x, std::vector<int64_t> from, const Tensor& y, std::vector<int64_t> to) {
    const auto places = [](const std::vector<int64_t>& at) {
      return Tensor::from<int64_t>({2, int64_t(at.size())}, {at[0], at[1], at[0], at[1]});
    };
    return mse_loss(gather_tokens(x, places(from)), gather_tokens(y, places(to))).item();
  };
  VicReglOptions options = invariance_alone(0);
  options.matches = options.matches_back = 2;
  VicReglView moved = right;  // with the left view's centres: each place is nearest to itself, the first two count
  moved.centres = left.centres;
  const double border = vicregl({left, right}, options).item() - vicregl({left, moved}, options).item();
  CHECK(border ==
        Approx(apart(left.map, {1, 3}, right.map, {0, 2}) - apart(left.map, {0, 1}, right.map, {0, 1})).epsilon(1e-4));
}

TEST_CASE("VICRegL weighs its parts as the paper does", "[losses]") {
  Generator generator(4);
  VicReglView a = random_view(6, 2, 0, 4, false, generator), b = random_view(6, 2, 1, 4, true, generator);
  const Tensor &z = a.embedding, &w = b.embedding;
  const double global = 25 * mse_loss(z, w).item() +
                        12.5 * (losses::variance_loss(z) + losses::variance_loss(w)).item() +
                        0.5 * (losses::covariance_loss(z) + losses::covariance_loss(w)).item();
  CHECK(vicregl({a, b}, {.alpha = 1}).item() == Approx(global).epsilon(1e-5));
  const double local = vicregl({a, b}, {.alpha = 0}).item();
  CHECK(vicregl({a, b}).item() == Approx(0.75 * global + 0.25 * local).epsilon(1e-5));
  VicReglView flat{Tensor::ones({6, 5}), Tensor::ones({6, 4, 3}), a.centres};  // collapsed
  CHECK(vicregl({flat, flat}, {.alpha = 1}).item() == Approx(24.75));
  CHECK(vicregl({flat, flat}, {.alpha = 0}).item() == Approx(2 * 24.75));
}

TEST_CASE("VICRegL keeps as many matches there and back as it is asked to, of features and of places", "[losses]") {
  Generator generator(6);
  VicReglView a = random_view(4, 3, 0, 4, false, generator), b = random_view(4, 3, 1, 5, true, generator);
  VicReglOptions few = invariance_alone(0);
  few.matches = 3, few.matches_back = 1, few.all_feature_matches = false;
  auto matched = [](const VicReglView& x, const VicReglView& y, Tensor VicReglView::*by, int64_t count) {
    const Matches matches = match_nearest(x.*by, y.*by, count);
    return mse_loss(gather_tokens(x.map, matches.a), gather_tokens(y.map, matches.b)).item();
  };
  double total = 0;
  for (auto by : {&VicReglView::map, &VicReglView::centres}) {
    total += (matched(a, b, by, 3) + matched(b, a, by, 1)) / 2;
    total += (matched(b, a, by, 3) + matched(a, b, by, 1)) / 2;
  }
  CHECK(vicregl({a, b}, few).item() == Approx(total / 2).epsilon(1e-5));
}

TEST_CASE("VICRegL does not mind the order of images, and takes maps of different sizes and bf16", "[losses]") {
  Generator generator(5);
  VicReglView a = random_view(6, 3, 0, 4, false, generator), b = random_view(6, 3, 1, 5, true, generator),
              c = random_view(6, 2, 1, 2, false, generator);
  const double loss = vicregl({a, b, c}).item();
  Tensor order = randperm(6, generator);
  std::vector<VicReglView> permuted, narrow;
  for (const VicReglView& view : {a, b, c}) {
    permuted.push_back(
        {gather_rows(view.embedding, order), gather_rows(view.map, order), gather_rows(view.centres, order)});
    narrow.push_back({view.embedding.to(Dtype::bf16), view.map.to(Dtype::bf16), view.centres});
  }
  CHECK(vicregl(permuted).item() == Approx(loss).epsilon(1e-5));
  CHECK(vicregl(narrow).item() == Approx(loss).epsilon(0.01));
  CHECK(vicregl({b, a}).item() == Approx(vicregl({a, b}).item()).epsilon(1e-5));
}

TEST_CASE("VICRegL says what it wanted", "[losses]") {
  Generator generator(6);
  VicReglView view = random_view(4, 2, 0, 4, false, generator), bad = view;
  CHECK_THROWS_WITH(vicregl({view}), Catch::Contains("two views"));
  bad.centres = random_view(4, 3, 0, 4, false, generator).centres;
  CHECK_THROWS_WITH(vicregl({view, bad}), Catch::Contains("[4, 9, 2]"));
  bad = view, bad.map = Tensor::ones({4, 4, 2});
  CHECK_THROWS_WITH(vicregl({view, bad}), Catch::Contains("[4, 4, 2]"));
  bad = view, bad.embedding = Tensor::ones({3, 5});
  CHECK_THROWS_WITH(vicregl({view, bad}), Catch::Contains("[3, 5]"));
  CHECK_THROWS_WITH(vicregl({view, view}, {.matches = 0}), Catch::Contains("match"));
}
