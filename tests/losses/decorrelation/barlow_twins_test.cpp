#include <fovea/losses/decorrelation/barlow_twins.h>

#include <fovea/core/autocast.h>
#include <fovea/core/ops.h>
#include <fovea/core/random.h>

#include "support/catch.h"
#include "support/op_rows.h"

using namespace fovea;
using namespace fovea::testing;
using losses::barlow_twins;

// The definition, with the matrix of correlations.
static Tensor reference(const Tensor& z0, const Tensor& z1, double lambda) {
  auto standard = [](const Tensor& z) { return (z - mean(z, {0}, true)) / sqrt(var(z, {0}, 0, true) + 1e-5); };
  Tensor c = matmul(standard(z0), standard(z1), {.transpose_a = true}) / double(z0.size(0));
  Tensor eye = one_hot(Tensor::arange(c.size(0)), c.size(0)).to(c.dtype());
  return sum(square(c - eye) * (eye * (1 - lambda) + lambda));
}

TEST_CASE("Barlow Twins gives the losses that are known", "[losses]") {
  Tensor z = Tensor::from<double>({4, 2}, {1, 1, 1, -1, -1, 1, -1, -1});
  CHECK(barlow_twins(z, z).item() == Approx(2e-10).margin(1e-12));
  CHECK(barlow_twins(z, -z).item() == Approx(7.99992).margin(1e-6));
  Tensor equal = Tensor::from<double>({4, 2}, {1, 1, 1, 1, -1, -1, -1, -1});
  CHECK(barlow_twins(equal, equal).item() == Approx(0.0099998).margin(1e-8));
  CHECK(barlow_twins(Tensor::ones({4, 6}), Tensor::ones({4, 6})).item() == Approx(6));  // collapsed: no correlation
}

TEST_CASE("Barlow Twins and its gradients equal the composition that keeps the matrix of correlations", "[losses]") {
  Generator generator(1);
  for (auto [n, d] : {std::pair<int64_t, int64_t>{2, 5}, {9, 4}, {16, 16}, {33, 128}}) {
    INFO("n " << n << ", d " << d);
    Tensor a = randn({n, d}, generator), b = a + randn({n, d}, generator);
    Tensor x = a.clone().set_requires_grad(), y = b.clone().set_requires_grad();
    Tensor fine_x = a.to(Dtype::f64).set_requires_grad(), fine_y = b.to(Dtype::f64).set_requires_grad();
    Tensor loss = barlow_twins(x, y, 0.02), expected = reference(fine_x, fine_y, 0.02);
    CHECK(loss.item() == Approx(expected.item()).epsilon(1e-5));
    loss.backward();
    expected.backward();
    if (n == 2) {  // columns of two samples are +-1, whatever they are: no gradient but that of epsilon
      CHECK(relative_error(x.grad(), fine_x.grad(), 1) < 1e-5);
      CHECK(relative_error(y.grad(), fine_y.grad(), 1) < 1e-5);
      continue;
    }
    CHECK(relative_error(x.grad(), fine_x.grad()) < 1e-5);
    CHECK(relative_error(y.grad(), fine_y.grad()) < 1e-5);
  }
}

TEST_CASE("Barlow Twins does not mind the order of views or rows, nor scale and offset of dimensions", "[losses]") {
  Generator generator(2);
  Tensor a = randn({9, 6}, generator), b = randn({9, 6}, generator), order = randperm(9, generator);
  double loss = barlow_twins(a, b).item();
  CHECK(barlow_twins(b, a).item() == Approx(loss).epsilon(1e-5));
  CHECK(barlow_twins(gather_rows(a, order), gather_rows(b, order)).item() == Approx(loss).epsilon(1e-5));
  CHECK(barlow_twins(a * (rand({1, 6}, generator) + 0.5) + 2, b * 40 - 7).item() == Approx(loss).epsilon(1e-3));
  CHECK(barlow_twins(a.to(Dtype::bf16), b.to(Dtype::bf16)).item() == Approx(loss).epsilon(0.01));
  Autocast on;
  CHECK(barlow_twins(a, b).item() == loss);
}

TEST_CASE("Barlow Twins says what it wanted", "[losses]") {
  CHECK_THROWS_WITH(barlow_twins(Tensor::ones({4, 3}), Tensor::ones({4, 2})),
                    Catch::Contains("[4, 3]") && Catch::Contains("[4, 2]"));
  CHECK_THROWS_WITH(barlow_twins(Tensor::ones({1, 3}), Tensor::ones({1, 3})), Catch::Contains("two images"));
}
