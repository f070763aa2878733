#include <fovea/losses/decorrelation/vicreg.h>

#include <fovea/core/autocast.h>
#include <fovea/core/ops.h>
#include <fovea/core/random.h>

#include "support/catch.h"
#include "support/op_rows.h"

using namespace fovea;
using namespace fovea::testing;
using losses::covariance_loss;
using losses::variance_loss;
using losses::vicreg;

// The covariance term by its definition, with the matrix.
static Tensor covariance_reference(const Tensor& z) {
  Tensor x = z - mean(z, {0}, true), c = matmul(x, x, {.transpose_a = true}) / double(z.size(0) - 1);
  Tensor eye = one_hot(Tensor::arange(c.size(0)), c.size(0)).to(c.dtype());
  return sum(square(c * (1 - eye))) / double(c.size(0));
}

TEST_CASE("VICReg gives the losses that are known", "[losses]") {
  CHECK(vicreg(Tensor::ones({4, 3}), Tensor::ones({4, 3})).item() == Approx(24.75));
  CHECK(variance_loss(Tensor::ones({4, 3})).item() == Approx(0.99));
  Tensor z = Tensor::from<double>({4, 2}, {1, 1, 1, -1, -1, 1, -1, -1});
  CHECK(vicreg(z, z).item() == 0);
  Tensor equal = Tensor::from<double>({4, 2}, {1, 1, 1, 1, -1, -1, -1, -1});
  CHECK(vicreg(equal, equal).item() == Approx(3.555556).margin(1e-6));
  CHECK(vicreg(z, z * 0.5, {1, 0, 0}).item() == Approx(0.25));
  CHECK(vicreg(z, z * 0.5, {0, 1, 0}).item() == Approx(0.211282).margin(1e-6));
  CHECK(vicreg(z, z * 0.5).item() == Approx(11.532039).margin(1e-6));
}

TEST_CASE("VICReg's covariance and its gradient equal the composition that keeps the matrix", "[losses]") {
  Generator generator(1);
  for (auto [n, d] : {std::pair<int64_t, int64_t>{2, 5}, {9, 4}, {16, 16}, {33, 128}}) {
    INFO("n " << n << ", d " << d);
    Tensor z = randn({n, d}, generator) + 3;
    Tensor x = z.clone().set_requires_grad(), fine = z.to(Dtype::f64).set_requires_grad();
    Tensor loss = covariance_loss(x), expected = covariance_reference(fine);
    CHECK(loss.item() == Approx(expected.item()).epsilon(1e-5));
    loss.backward();
    expected.backward();
    CHECK(relative_error(x.grad(), fine.grad()) < 1e-5);
  }
}

TEST_CASE("the covariance of maps is the mean over places", "[losses]") {
  Generator generator(2);
  Tensor maps = randn({7, 3, 5}, generator);
  double total = 0;
  for (int64_t place = 0; place < 3; ++place)
    total += covariance_loss(reshape(slice(maps, 1, place, place + 1), {7, 5})).item();
  CHECK(covariance_loss(maps).item() == Approx(total / 3).epsilon(1e-5));
}

TEST_CASE("VICReg does not mind the order of views or rows, nor where the embeddings' middle is", "[losses]") {
  Generator generator(3);
  Tensor a = randn({9, 6}, generator), b = randn({9, 6}, generator), order = randperm(9, generator);
  double loss = vicreg(a, b).item();
  CHECK(vicreg(b, a).item() == Approx(loss).epsilon(1e-5));
  CHECK(vicreg(gather_rows(a, order), gather_rows(b, order)).item() == Approx(loss).epsilon(1e-5));
  CHECK(vicreg(a + 5, b + 5).item() == Approx(loss).epsilon(1e-4));
  CHECK(vicreg(a.to(Dtype::bf16), b.to(Dtype::bf16)).item() == Approx(loss).epsilon(0.01));
  Autocast on;
  CHECK(vicreg(a, b).item() == loss);
}

TEST_CASE("VICReg's gradient is finite where a dimension is constant", "[losses]") {
  Tensor z = Tensor::ones({4, 3}).set_requires_grad();
  vicreg(z, Tensor::ones({4, 3})).backward();
  for (float g : z.grad().to_vector<float>()) CHECK(g == 0);
}

TEST_CASE("VICReg says what it wanted", "[losses]") {
  CHECK_THROWS_WITH(vicreg(Tensor::ones({4, 3}), Tensor::ones({4, 2})),
                    Catch::Contains("[4, 3]") && Catch::Contains("[4, 2]"));
  CHECK_THROWS_WITH(vicreg(Tensor::ones({1, 3}), Tensor::ones({1, 3})), Catch::Contains("two images"));
  CHECK_THROWS_WITH(covariance_loss(Tensor::ones({4})), Catch::Contains("[4]"));
}
