#include <fovea/losses/decorrelation/mmcr.h>

#include <cmath>

#include <fovea/core/ops.h>
#include <fovea/core/random.h>

#include "support/catch.h"
#include "support/op_rows.h"

using namespace fovea;
using losses::mmcr;

TEST_CASE("MMCR gives the losses that are known", "[losses]") {
  const Tensor eye = Tensor::from<float>({2, 2}, {1, 0, 0, 1}), same = Tensor::from<float>({2, 2}, {1, 0, 1, 0});
  CHECK(mmcr(eye, {.views = 1}, eye).item() == Approx(-2));
  CHECK(mmcr(eye * 10, {.views = 1}, eye * 3).item() == Approx(-2));
  CHECK(mmcr(concat({eye, eye}), {.lambda = 5e-3}).item() == Approx(-1.992929));
  CHECK(mmcr(same, {.views = 1}, same).item() == Approx(-1.414214));
  CHECK(mmcr(concat({same, same}), {.lambda = 5e-3}).item() == Approx(-1.407142));
  const Tensor a = Tensor::from<float>({2, 2}, {1, 0, 0.6f, 0.8f}), b = Tensor::from<float>({2, 2}, {0.8f, 0.6f, 0, 1});
  CHECK(mmcr(concat({a, b})).item() == Approx(-1.8));
  CHECK(mmcr(a, {.views = 1}, b).item() == Approx(-1.8));
}

TEST_CASE("MMCR does not see lengths, the order of images or views, or a rotation; its bound holds", "[losses]") {
  manual_seed(4);
  const Tensor a = randn({12, 5}), b = randn({12, 5}), h = concat({a, b});
  const losses::MmcrOptions options{.lambda = 0.1};
  const double loss = mmcr(h, options).item();
  CHECK(mmcr(h * (rand({24, 1}) + 0.5), options).item() == Approx(loss).epsilon(1e-5));
  CHECK(mmcr(concat({b, a}), options).item() == Approx(loss).epsilon(1e-5));
  const Tensor order = randperm(12);
  CHECK(mmcr(concat({gather_rows(a, order), gather_rows(b, order)}), options).item() == Approx(loss).epsilon(1e-5));
  const Tensor u = normalize(randn({5, 1}), 0);
  CHECK(mmcr(h - matmul(h, matmul(u, u, {.transpose_b = true})) * 2, options).item() == Approx(loss).epsilon(1e-5));
  CHECK(mmcr(h).item() > -std::sqrt(5.0 * 12));
  CHECK(mmcr(Tensor::ones({8, 3})).item() == Approx(-2));
}

TEST_CASE("MMCR's momentum rows get no gradient; bf16 rows are computed in f32", "[losses]") {
  manual_seed(5);
  Tensor online = randn({6, 4}).set_requires_grad(), momentum = randn({6, 4}).set_requires_grad();
  Tensor loss = mmcr(online, {.lambda = 0.2}, momentum);
  loss.backward();
  CHECK(online.grad().defined());
  CHECK_FALSE(momentum.grad().defined());
  CHECK(mmcr(online.detach().to(Dtype::bf16), {.lambda = 0.2}, momentum.detach().to(Dtype::bf16)).item() ==
        Approx(loss.item()).margin(0.02));
}

TEST_CASE("MMCR says what it wanted", "[losses]") {
  CHECK_THROWS_WITH(mmcr(randn({5, 3})), Catch::Contains("[2 N, D]"));
  CHECK_THROWS_WITH(mmcr(randn({6, 3}), {}, randn({3, 3})), Catch::Contains("momentum"));
}
