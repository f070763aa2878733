#include <fovea/losses/contrastive/supcon.h>

#include <cmath>

#include <fovea/losses/contrastive/nt_xent.h>

#include "support/op_rows.h"
#include "support/pair_losses.h"

using namespace fovea;
using namespace fovea::testing;
using losses::supcon, losses::SupConMean;

namespace {

Tensor classes(const std::vector<int64_t>& labels) {
  return Tensor::from<int64_t>({int64_t(labels.size())}, labels);
}

double outside(const Tensor& z, const Tensor& labels, double temperature) {
  return supcon(z, labels, temperature).item();
}
double inside(const Tensor& z, const Tensor& labels, double temperature) {
  return supcon(z, labels, temperature, SupConMean::inside).item();
}

}  // namespace

TEST_CASE("SupCon gives the losses that are known", "[losses][contrastive]") {
  Tensor known = concat({known_a(), known_b()});
  CHECK(outside(known, classes({0, 1}), 0.5) == Approx(0.870714).margin(1e-6));
  CHECK(inside(known, classes({0, 1}), 0.5) == Approx(0.870714).margin(1e-6));
  CHECK(losses::nt_xent(known_a(), known_b(), 0.5).item() == Approx(0.870714).margin(1e-6));
  CHECK(outside(known, classes({4, 4}), 0.5) == Approx(1.217380).margin(1e-6));
  CHECK(inside(known, classes({4, 4}), 0.5) == Approx(1.098612).margin(1e-6));

  Tensor pairs = concat({eye(4), eye(4)});
  CHECK(outside(pairs, classes({0, 0, 1, 1}), 0.5) == Approx(1.927771).margin(1e-6));
  CHECK(inside(pairs, classes({0, 0, 1, 1}), 0.5) == Approx(1.453505).margin(1e-6));

  Tensor points = gather_rows(eye(2), classes({0, 0, 1, 1, 0, 0, 1, 1}));  // classes that have become one point each
  CHECK(outside(points, classes({0, 0, 1, 1}), 0.1) == Approx(1.098673).margin(1e-6));
  CHECK(inside(points, classes({0, 0, 1, 1}), 0.1) == Approx(1.098673).margin(1e-6));
  CHECK(outside(Tensor::ones({4, 3}), classes({0, 1}), 0.1) == Approx(std::log(3.0)).margin(1e-5));
}

TEST_CASE("in SupCon a row alone in its class costs nothing and counts", "[losses][contrastive]") {
  CHECK(outside(eye(3), classes({0, 1, 1}), 1) == Approx(0.462098).margin(1e-6));
  CHECK(inside(eye(3), classes({0, 1, 1}), 1) == Approx(0.462098).margin(1e-6));
  for (SupConMean mean : {SupConMean::outside, SupConMean::inside}) {
    Tensor z = randn({3, 5}).set_requires_grad();
    Tensor loss = supcon(z, classes({2, 1, 0}), 0.1, mean);
    loss.backward();
    CHECK(loss.item() == 0);
    for (double g : z.grad().to_vector<double>()) CHECK(g == 0);
  }
}

TEST_CASE("SupCon of classes of one image is NT-Xent, with the same gradients", "[losses][contrastive]") {
  Generator generator(2);
  Tensor a = randn({9, 5}, generator).to(Dtype::f64), b = randn({9, 5}, generator).to(Dtype::f64);
  Tensor x = a.clone().set_requires_grad(), y = b.clone().set_requires_grad();
  Tensor expected = losses::nt_xent(x, y, 0.2);
  expected.backward();
  for (SupConMean mean : {SupConMean::outside, SupConMean::inside}) {
    Tensor z = concat({a, b}).set_requires_grad();
    Tensor loss = supcon(z, randperm(9, generator), 0.2, mean);
    loss.backward();
    CHECK(loss.item() == Approx(expected.item()).epsilon(1e-12));
    CHECK(relative_error(z.grad(), concat({x.grad(), y.grad()})) < 1e-12);
  }
}

TEST_CASE("SupCon does not mind the names of classes, and its mean outside is never below the one inside",
          "[losses][contrastive]") {
  Generator generator(3);
  Tensor z = randn({24, 6}, generator), labels = randint(0, 3, {8}, generator);  // three views
  Tensor renamed = gather_rows(classes({700, -5, 2}), labels);
  CHECK(outside(z, labels, 0.3) == outside(z, renamed, 0.3));
  CHECK(outside(z, labels, 0.3) == Approx(outside(z, repeat(labels, {3}), 0.3)));
  CHECK(inside(z, labels, 0.3) <= outside(z, labels, 0.3));
}

TEST_CASE("SupCon is a loss of cosines", "[losses][contrastive]") {
  for (SupConMean mean : {SupConMean::outside, SupConMean::inside})
    expect_loss_of_cosines([mean](const Tensor& a, const Tensor& b) {
      // The order of rows is the test's own: labels that any order leaves as they are.
      return supcon(concat({a, b}), Tensor::zeros({a.size(0)}, Dtype::i64), 0.5, mean);
    });
}

TEST_CASE("SupCon says what it wanted", "[losses][contrastive]") {
  CHECK_THROWS_WITH(supcon(eye(4), classes({0, 1, 1}), 0.1), Catch::Contains("4 rows") && Catch::Contains("[3]"));
  CHECK_THROWS_WITH(supcon(eye(4), Tensor::ones({4}), 0.1), Catch::Contains("i64"));
  CHECK_THROWS_WITH(supcon(eye(4), classes({0, 1}), 0), Catch::Contains("temperature"));
  CHECK_THROWS_WITH(supcon(Tensor::ones({4}), classes({0, 1}), 1), Catch::Contains("[M, D]"));
}
