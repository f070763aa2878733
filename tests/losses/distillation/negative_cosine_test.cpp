#include <fovea/losses/distillation/negative_cosine.h>

#include <fovea/core/ops.h>
#include <fovea/core/random.h>

#include "support/catch.h"

using namespace fovea;
using losses::mean_of_others;
using losses::negative_cosine;

TEST_CASE("negative cosine runs from -1 for equal directions to 1 for opposite ones", "[losses]") {
  Generator generator(1);
  Tensor p = randn({5, 7}, generator);
  CHECK(negative_cosine(p, p).item() == Approx(-1));
  CHECK(negative_cosine(p, -p).item() == Approx(1));
  Tensor x = Tensor::from<float>({2, 2}, {3, 0, 0, 1}), y = Tensor::from<float>({2, 2}, {0, 2, 5, 0});
  CHECK(negative_cosine(x, y).item() == Approx(0).margin(1e-7));
  CHECK(4 + 4 * negative_cosine(p, p).item() == Approx(0).margin(1e-6));  // the paper's two terms of 2 - 2 cos
  CHECK(4 + 4 * negative_cosine(p, -p).item() == Approx(8));
}

TEST_CASE("negative cosine does not mind the order of rows nor their lengths", "[losses]") {
  Generator generator(2);
  Tensor p = randn({9, 6}, generator), z = randn({9, 6}, generator), order = randperm(9, generator);
  double loss = negative_cosine(p, z).item();
  CHECK(negative_cosine(gather_rows(p, order), gather_rows(z, order)).item() == Approx(loss).margin(1e-6));
  CHECK(negative_cosine(p * 3, z * (rand({9, 1}, generator) + 0.5)).item() == Approx(loss).margin(1e-6));
  CHECK(negative_cosine(p.to(Dtype::bf16), z.to(Dtype::bf16)).item() == Approx(loss).margin(0.01));
  CHECK(negative_cosine(p.to(Dtype::bf16), z.to(Dtype::bf16)).dtype() == Dtype::f32);
}

TEST_CASE("negative cosine's gradient reaches a target unless the caller stops it", "[losses]") {
  Generator generator(3);
  Tensor p = randn({4, 3}, generator).set_requires_grad(), z = randn({4, 3}, generator).set_requires_grad();
  negative_cosine(p, z.detach()).backward();
  CHECK(p.grad().defined());
  CHECK_FALSE(z.grad().defined());
  negative_cosine(p, z).backward();
  CHECK(sum(abs(z.grad())).item() > 0);
}

TEST_CASE("a view's target is the mean of the image's other views", "[losses]") {
  Tensor compass = Tensor::from<float>({4, 2}, {1, 0, 0, 1, -1, 0, 0, -1});  // one image, four views
  CHECK(negative_cosine(compass, mean_of_others(compass, 4)).item() == Approx(1));
  Tensor equal = Tensor::ones({12, 5});
  CHECK(negative_cosine(equal, mean_of_others(equal, 4)).item() == Approx(-1));
  Generator generator(4);
  Tensor z = randn({6, 4}, generator), others = mean_of_others(z, 3);
  for (int64_t view = 0; view < 3; ++view)
    for (int64_t i = 0; i < 2; ++i)
      for (int64_t d = 0; d < 4; ++d) {
        auto at = [&](int64_t v) { return z.data<float>()[(2 * (v % 3) + i) * 4 + d]; };
        CHECK(others.data<float>()[(2 * view + i) * 4 + d] == Approx((at(view + 1) + at(view + 2)) / 2).margin(1e-6));
      }
}

TEST_CASE("FastSiam of two views is SimSiam", "[losses]") {
  Generator generator(5);
  Tensor z = randn({10, 6}, generator), p = randn({10, 6}, generator);
  double siamese =
      (negative_cosine(p.slice(0, 5), z.slice(5, 10)) + negative_cosine(p.slice(5, 10), z.slice(0, 5))).item() / 2;
  CHECK(negative_cosine(p, mean_of_others(z, 2)).item() == Approx(siamese).margin(1e-6));
}

TEST_CASE("negative cosine says what it wanted", "[losses]") {
  CHECK_THROWS_WITH(negative_cosine(Tensor::ones({4, 3}), Tensor::ones({4, 1})),
                    Catch::Contains("[4, 3]") && Catch::Contains("[4, 1]"));
  CHECK_THROWS_AS(negative_cosine(Tensor::ones({3}), Tensor::ones({3})), Error);
  CHECK_THROWS_WITH(mean_of_others(Tensor::ones({7, 3}), 2), Catch::Contains("[7, 3]"));
  CHECK_THROWS_AS(mean_of_others(Tensor::ones({7, 3}), 1), Error);
}
