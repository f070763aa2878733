#include <fovea/losses/contrastive/siglip.h>

#include <cmath>

#include "support/op_rows.h"
#include "support/pair_losses.h"

using namespace fovea;
using namespace fovea::testing;
using losses::siglip_loss;

TEST_CASE("SigLIP's loss gives the values that are known", "[losses][contrastive]") {
  Tensor scale = scalar(std::log(10.0)), bias = scalar(-10);
  CHECK(siglip_loss(eye(2, Dtype::f64), eye(2, Dtype::f64), scale, bias).item() == Approx(0.693193).margin(1e-6));
  Tensor eight = eye(8, Dtype::f64);  // no image like any text
  CHECK(siglip_loss(eight.slice(0, 4), eight.slice(4, 8), scale, bias).item() == Approx(10.000182).margin(1e-6));
}

TEST_CASE("SigLIP's loss is a sum over all pairs, each by itself", "[losses][contrastive]") {
  Generator generator(11);
  Tensor image = randn({6, 5}, generator).to(Dtype::f64), text = randn({6, 5}, generator).to(Dtype::f64);
  Tensor logits = matmul(normalize(image), normalize(text), {.transpose_b = true}) * 3.0 - 2.0;
  double expected = bce_with_logits(logits, eye(6, Dtype::f64), Reduction::sum).item() / 6;
  CHECK(siglip_loss(image, text, scalar(std::log(3.0)), scalar(-2)).item() == Approx(expected).epsilon(1e-12));
}

TEST_CASE("SigLIP's loss is a loss of cosines", "[losses][contrastive]") {
  expect_loss_of_cosines([](const Tensor& a, const Tensor& b) {
    return siglip_loss(a, b, scalar(1, Dtype::f32), scalar(-1, Dtype::f32));
  });
}
