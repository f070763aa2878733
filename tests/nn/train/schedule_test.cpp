#include <fovea/nn/train/schedule.h>

#include "support/catch.h"

using namespace fovea;

namespace {

Approx near(double value) {
  return Approx(value).margin(6e-7);
}

}  // namespace

TEST_CASE("the cosine ramp reaches its end exactly at the last step", "[nn]") {
  CHECK(nn::cosine_ramp(0, 100, 0.996, 1) == near(0.996));
  CHECK(nn::cosine_ramp(50, 100, 0.996, 1) == near(0.99803173));
  CHECK(nn::cosine_ramp(99, 100, 0.996, 1) == 1);
  CHECK(nn::cosine_ramp(500, 100, 0.996, 1) == 1);
  CHECK(nn::cosine_ramp(0, 1, 0.996, 1) == 1);
}

TEST_CASE("the warm-up rises to the peak and the cosine falls from it", "[nn]") {
  nn::WarmupCosineOptions options{.warmup = 10};
  CHECK(nn::warmup_cosine(0, 100, options) == near(0.1));
  CHECK(nn::warmup_cosine(4, 100, options) == near(0.5));
  CHECK(nn::warmup_cosine(9, 100, options) == near(1));
  CHECK(nn::warmup_cosine(10, 100, options) == near(1));
  CHECK(nn::warmup_cosine(54, 100, options) == near(0.509315));
  CHECK(nn::warmup_cosine(99, 100, options) == near(0.001));
  CHECK(nn::warmup_cosine(0, 100, {.warmup = 4, .start = 0.2}) == near(0.4));
  CHECK(nn::warmup_cosine(0, 100) == near(1));
}

TEST_CASE("DINO's cosine never quite reaches its final value", "[nn]") {
  CHECK(nn::dino_cosine(0, 10) == near(1));
  CHECK(nn::dino_cosine(1, 10) == near(0.975528));
  CHECK(nn::dino_cosine(5, 10) == near(0.5));
  CHECK(nn::dino_cosine(9, 10) == near(0.024472));
  CHECK(nn::dino_cosine(0, 15, {.warmup = 5, .base = 2}) == 0);
  CHECK(nn::dino_cosine(2, 15, {.warmup = 5, .base = 2}) == near(1));
  CHECK(nn::dino_cosine(4, 15, {.warmup = 5, .base = 2}) == near(2));
  CHECK(nn::dino_cosine(5, 15, {.warmup = 5, .base = 2}) == near(2));
  CHECK(nn::dino_cosine(10, 15, {.warmup = 5, .base = 2, .final = 1}) == near(1.5));
}

TEST_CASE("teacher momenta follow their papers", "[nn]") {
  CHECK(nn::byol_momentum(0, 100) == near(0.996));
  CHECK(nn::byol_momentum(50, 100) == near(0.998));
  CHECK(nn::byol_momentum(100, 100) == near(1));
  CHECK(nn::msn_momentum(0, 100) == near(0.996));
  CHECK(nn::msn_momentum(100, 100) == near(0.9992));
}

TEST_CASE("the teacher's temperature rises by epoch and then stays", "[nn]") {
  CHECK(nn::linear_ramp(0, 30, 0.04, 0.07) == near(0.04));
  CHECK(nn::linear_ramp(15, 30, 0.04, 0.07) == near(0.055517));
  CHECK(nn::linear_ramp(29, 30, 0.04, 0.07) == 0.07);
  CHECK(nn::linear_ramp(80, 30, 0.04, 0.07) == 0.07);
}

TEST_CASE("learning rates scale with the batch", "[nn]") {
  CHECK(nn::linear_lr(0.3, 4096) == near(4.8));
  CHECK(nn::sqrt_lr(0.075, 4096) == near(4.8));
  CHECK(nn::linear_lr(0.3, 256) == near(0.3));
  CHECK(nn::sqrt_lr(0.075, 256) == near(1.2));
  CHECK(nn::sqrt_1024_lr(0.004, 4096) == near(0.008));
}
