#include <fovea/losses/contrastive/dcl.h>

#include <cmath>

#include "support/op_rows.h"
#include "support/pair_losses.h"

using namespace fovea;
using namespace fovea::testing;
using losses::dcl, losses::dclw, losses::dclw_weight;

TEST_CASE("DCL gives the losses that are known", "[losses][contrastive]") {
  CHECK(dcl(eye(2), eye(2), 0.1).item() == Approx(-9.306853).margin(2e-6));
  CHECK(dcl(known_a(), known_b(), 0.1).item() == Approx(-0.185284).margin(1e-6));
  // Rows that are all equal: 2N - 2 negatives that weigh as much as the positive.
  CHECK(dcl(Tensor::ones({5, 3}), Tensor::ones({5, 3}), 0.3).item() == Approx(std::log(8.0)).margin(1e-5));
}

TEST_CASE("DCLW weighs pairs by how far they lie apart", "[losses][contrastive]") {
  Tensor z0 = eye(2, Dtype::f64), z1 = Tensor::from<double>({2, 2}, {1, 0, 1, 0});  // cosines 1 and 0
  std::vector<double> weight = dclw_weight(z0, z1).to_vector<double>();
  CHECK(weight[0] == Approx(0.238406).margin(1e-6));
  CHECK(weight[1] == Approx(1.761594).margin(1e-6));
  Tensor a = randn({13, 5}), b = randn({13, 5});
  CHECK(mean(dclw_weight(a, b, 0.2)).item() == Approx(1));
  CHECK(dclw_weight(a.to(Dtype::bf16), b.to(Dtype::bf16)).dtype() == Dtype::f32);
}

TEST_CASE("DCLW is DCL where all pairs lie equally far apart", "[losses][contrastive]") {
  CHECK(dclw(known_a(), known_b(), {.temperature = 0.1}).item() == Approx(-0.185284).margin(1e-6));
  CHECK(dclw(eye(4), eye(4), {.temperature = 0.2}).item() == Approx(dcl(eye(4), eye(4), 0.2).item()));
}

TEST_CASE("DCLW's weights are constants to the gradient", "[losses][contrastive]") {
  Generator generator(1);
  Tensor a = randn({7, 4}, generator).set_requires_grad(), b = randn({7, 4}, generator).set_requires_grad();
  Tensor x = a.detach().set_requires_grad(), y = b.detach().set_requires_grad();
  dclw(a, b, {.temperature = 0.2, .sigma = 0.4}).backward();
  dcl(x, y, 0.2, dclw_weight(a, b, 0.4)).backward();
  CHECK(relative_error(a.grad(), x.grad()) == 0);
  CHECK(relative_error(b.grad(), y.grad()) == 0);
}

TEST_CASE("DCL and DCLW are losses of cosines", "[losses][contrastive]") {
  expect_loss_of_cosines([](const Tensor& a, const Tensor& b) { return dcl(a, b, 0.5); });
  expect_loss_of_cosines([](const Tensor& a, const Tensor& b) { return dclw(a, b, {.temperature = 0.5}); });
}

TEST_CASE("DCLW says what it wanted", "[losses][contrastive]") {
  CHECK_THROWS_WITH(dclw(eye(4), eye(3), {.temperature = 0.1}), Catch::Contains("[4, 4]") && Catch::Contains("[3, 3]"));
  CHECK_THROWS_WITH(dclw(eye(1), eye(1), {.temperature = 0.1}), Catch::Contains("at least 2"));
  CHECK_THROWS_WITH(dclw(eye(3), eye(3), {.temperature = 0.1, .sigma = 0}), Catch::Contains("sigma"));
}
