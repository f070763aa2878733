#include <fovea/losses/contrastive/directclr.h>

#include <cmath>

#include <fovea/losses/contrastive/nt_xent.h>

#include "support/op_rows.h"
#include "support/pair_losses.h"

using namespace fovea;
using namespace fovea::testing;
using losses::directclr;

namespace {

// Rows with three channels more, which are nobody's business.
Tensor padded(const Tensor& rows) {
  return concat({rows, randn({rows.size(0), 3}).to(rows.dtype()) * 7}, 1);
}

}  // namespace

TEST_CASE("DirectCLR gives the losses that are known", "[losses][contrastive]") {
  CHECK(directclr(padded(known_a()), padded(known_b()), {.channels = 2, .temperature = 0.5}).item() ==
        Approx(0.524897).margin(1e-6));
  CHECK(directclr(padded(known_a()), padded(known_b()), {.channels = 2, .temperature = 0.1}).item() ==
        Approx(0.892118).margin(1e-6));
  CHECK(directclr(eye(2, Dtype::f64), eye(2, Dtype::f64), {.channels = 2, .temperature = 0.1}).item() ==
        Approx(4.53989e-5).epsilon(1e-5));
  CHECK(directclr(Tensor::ones({6, 3}), Tensor::ones({6, 3}), {.channels = 2, .temperature = 0.1}).item() ==
        Approx(std::log(6.0)).margin(1e-5));
  // lightly's form is NT-Xent of the channels that count.
  Tensor a = slice(padded(known_a()), 1, 0, 2), b = slice(padded(known_b()), 1, 0, 2);
  CHECK(losses::nt_xent(a, b, 0.5).item() == Approx(0.870714).margin(1e-6));
}

TEST_CASE("in DirectCLR the channels that do not count have no gradient", "[losses][contrastive]") {
  Generator generator(4);
  Tensor r0 = randn({5, 7}, generator).set_requires_grad(), r1 = randn({5, 7}, generator).set_requires_grad();
  directclr(r0, r1, {.channels = 3, .temperature = 0.2}).backward();
  for (const Tensor& grad : {r0.grad(), r1.grad()}) {
    for (double g : slice(grad, 1, 3, 7).to_vector<double>()) CHECK(g == 0);
    CHECK(max(abs(slice(grad, 1, 0, 3))).item() > 0.01);
  }
}

TEST_CASE("DirectCLR is a loss of cosines", "[losses][contrastive]") {
  expect_loss_of_cosines(
      [](const Tensor& a, const Tensor& b) { return directclr(a, b, {.channels = 4, .temperature = 0.5}); });
}

TEST_CASE("DirectCLR says what it wanted", "[losses][contrastive]") {
  CHECK_THROWS_WITH(directclr(eye(4), eye(4), {.channels = 5, .temperature = 0.1}), Catch::Contains("from 1 to 4"));
  CHECK_THROWS_WITH(directclr(eye(4), eye(4), {.channels = 0, .temperature = 0.1}), Catch::Contains("got 0"));
  CHECK_THROWS_WITH(directclr(eye(4), eye(5), {.channels = 2, .temperature = 0.1}), Catch::Contains("[5, 5]"));
  CHECK_THROWS_WITH(directclr(eye(4), eye(4), {.channels = 2, .temperature = -1}), Catch::Contains("temperature"));
}
