#include <fovea/losses/contrastive/clip.h>

#include <cmath>

#include "support/op_rows.h"
#include "support/pair_losses.h"

using namespace fovea;
using namespace fovea::testing;
using losses::clip_loss;

TEST_CASE("CLIP's loss gives the values that are known", "[losses][contrastive]") {
  CHECK(std::exp(2.659260) == Approx(14.285714).margin(1e-5));
  CHECK(clip_loss(eye(2, Dtype::f64), eye(2, Dtype::f64), scalar(std::log(1 / 0.07))).item() ==
        Approx(6.24875e-7).epsilon(1e-5));
  CHECK(clip_loss(Tensor::ones({5, 3}), Tensor::ones({5, 3}), scalar(4, Dtype::f32)).item() ==
        Approx(std::log(5.0)).margin(1e-5));
}

TEST_CASE("CLIP's loss is the mean of two cross entropies", "[losses][contrastive]") {
  Generator generator(10);
  Tensor image = randn({6, 5}, generator).to(Dtype::f64), text = randn({6, 5}, generator).to(Dtype::f64);
  Tensor logits = matmul(normalize(image), normalize(text), {.transpose_b = true}) * std::exp(1.5);
  double expected = cross_entropy(logits, Tensor::arange(6)).item() / 2 +
                    cross_entropy(transpose(logits, 0, 1), Tensor::arange(6)).item() / 2;
  CHECK(clip_loss(image, text, scalar(1.5)).item() == Approx(expected).epsilon(1e-12));
}

TEST_CASE("CLIP's loss is a loss of cosines", "[losses][contrastive]") {
  expect_loss_of_cosines([](const Tensor& a, const Tensor& b) { return clip_loss(a, b, scalar(1, Dtype::f32)); });
}
