#include <fovea/losses/contrastive/nt_xent.h>

#include <cmath>
#include <numeric>

#include <fovea/core/ops.h>

#include "support/catch.h"
#include "support/op_rows.h"
#include "support/pair_losses.h"

using namespace fovea;
using namespace fovea::testing;
using losses::nt_xent;

namespace {

// The definition, written with ops that keep the whole matrix of similarities.
Tensor reference(const Tensor& z0, const Tensor& z1, double temperature) {
  int64_t n = z0.size(0);
  Tensor z = normalize(concat({z0, z1}));
  Tensor self = Tensor::zeros({2 * n, 2 * n}, z.dtype());
  for (int64_t i = 0; i < 2 * n; ++i) {
    if (z.dtype() == Dtype::f64)
      self.data<double>()[i * 2 * n + i] = -INFINITY;
    else
      self.data<float>()[i * 2 * n + i] = -INFINITY;
  }
  Tensor positive = Tensor::arange(2 * n);
  for (int64_t i = 0; i < 2 * n; ++i) positive.data<int64_t>()[i] = (i + n) % (2 * n);
  return cross_entropy(matmul(z, z, {.transpose_b = true}) / temperature + self, positive);
}

}  // namespace

TEST_CASE("NT-Xent gives the losses that are known", "[losses]") {
  CHECK(nt_xent(eye(2), eye(2), 0.5).item() == Approx(0.239545).margin(1e-6));
  CHECK(nt_xent(eye(2), eye(2), 0.1).item() == Approx(9.07957e-5).margin(5e-7));
  CHECK(nt_xent(eye(4), eye(4), 0.5).item() == Approx(0.594438).margin(1e-6));
  for (double temperature : {0.05, 0.5, 3.0})
    CHECK(nt_xent(Tensor::ones({4, 3}), Tensor::ones({4, 3}), temperature).item() ==
          Approx(std::log(7.0)).margin(1e-5));
  Tensor a = Tensor::from<float>({2, 2}, {1, 0, 0.6f, 0.8f}), b = Tensor::from<float>({2, 2}, {0.8f, 0.6f, 0, 1});
  CHECK(nt_xent(a, b, 0.5).item() == Approx(0.870714).margin(1e-6));
}

TEST_CASE("NT-Xent and its gradients equal the composition that keeps all similarities", "[losses]") {
  for (auto [n, d, temperature] :
       {std::tuple<int64_t, int64_t, double>{1, 5, 0.5}, {7, 3, 0.1}, {33, 17, 0.5}, {70, 128, 0.2}}) {
    INFO("n " << n << ", d " << d << ", temperature " << temperature);
    Tensor a = randn({n, d}).set_requires_grad(), b = randn({n, d}).set_requires_grad();
    Tensor fine_a = a.detach().to(Dtype::f64).set_requires_grad(),
           fine_b = b.detach().to(Dtype::f64).set_requires_grad();
    Tensor loss = nt_xent(a, b, temperature), expected = reference(fine_a, fine_b, temperature);
    CHECK(loss.item() == Approx(expected.item()).margin(2e-6));
    loss.backward();
    expected.backward();
    if (n == 1) {  // the positive is all there is: no gradient
      CHECK(max(abs(concat({a.grad(), b.grad()}))).item() < 1e-6);
      continue;
    }
    CHECK(relative_error(a.grad() * double(n), fine_a.grad() * double(n)) < 1e-5);
    CHECK(relative_error(b.grad() * double(n), fine_b.grad() * double(n)) < 1e-5);
  }
}

TEST_CASE("NT-Xent does not mind the order of views or rows, nor the lengths of rows", "[losses]") {
  Tensor a = randn({9, 6}), b = randn({9, 6});
  double loss = nt_xent(a, b, 0.3).item();
  CHECK(nt_xent(b, a, 0.3).item() == Approx(loss).epsilon(1e-6));
  Tensor order = randperm(9);
  CHECK(nt_xent(gather_rows(a, order), gather_rows(b, order), 0.3).item() == Approx(loss).epsilon(1e-6));
  CHECK(nt_xent(a * (rand({9, 1}) + 0.5), b * 40, 0.3).item() == Approx(loss).epsilon(1e-5));
}

TEST_CASE("NT-Xent stays finite at low temperatures and in bf16", "[losses]") {
  Tensor a = randn({8, 4}), b = randn({8, 4});
  CHECK(std::isfinite(nt_xent(a, b, 0.001).item()));
  double loss = nt_xent(a, b, 0.5).item();
  CHECK(nt_xent(a.to(Dtype::bf16), b.to(Dtype::bf16), 0.5).item() == Approx(loss).margin(0.02));
}

TEST_CASE("NT-Xent says what it wanted", "[losses]") {
  CHECK_THROWS_AS(nt_xent(randn({4, 3}), randn({5, 3}), 0.5), Error);
  CHECK_THROWS_AS(nt_xent(randn({4, 3}), randn({4, 3}), 0), Error);
  CHECK_THROWS_AS(nt_xent(randn({4}), randn({4}), 0.5), Error);
}
