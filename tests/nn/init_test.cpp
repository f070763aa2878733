#include <fovea/nn/init.h>

#include <algorithm>
#include <cmath>

#include <fovea/core/ops.h>
#include <fovea/nn/layers/conv.h>
#include <fovea/nn/layers/linear.h>

#include "support/catch.h"

using namespace fovea;

namespace {

double largest(const Tensor& t) {
  return max(abs(t)).item();
}
double spread(const Tensor& t) {
  return std::sqrt(mean(square(t)).item());
}

}  // namespace

TEST_CASE("fans are PyTorch's, whatever the layout", "[nn]") {
  CHECK(nn::fans({7, 5}).in == 5);
  CHECK(nn::fans({7, 5}).out == 7);
  CHECK(nn::fans({8, 3, 2, 4}).in == 24);
  CHECK(nn::fans({8, 3, 2, 4}).out == 48);
  CHECK_THROWS_WITH(nn::fans({3}), Catch::Contains("rank 2"));
}

TEST_CASE("initialisers have the papers' bounds and deviations", "[nn]") {
  Tensor w = Tensor::empty({300, 200});
  nn::kaiming_uniform_(w);
  CHECK(largest(w) == Approx(std::sqrt(6.0 / 200)).epsilon(0.01));
  CHECK(largest(w) <= std::sqrt(6.0 / 200));
  nn::kaiming_uniform_(w, {.a = std::sqrt(5.0)});
  CHECK(largest(w) == Approx(1 / std::sqrt(200.0)).epsilon(0.01));
  nn::kaiming_normal_(w, {.mode = nn::FanMode::out});
  CHECK(spread(w) == Approx(std::sqrt(2.0 / 300)).epsilon(0.02));
  nn::xavier_uniform_(w, 2);
  CHECK(largest(w) == Approx(2 * std::sqrt(6.0 / 500)).epsilon(0.01));
  nn::xavier_normal_(w);
  CHECK(spread(w) == Approx(std::sqrt(2.0 / 500)).epsilon(0.02));
  nn::normal_(w, 3, 0.1);
  CHECK(mean(w).item() == Approx(3).epsilon(0.001));
  CHECK(spread(w - 3) == Approx(0.1).epsilon(0.02));
  nn::constant_(w, -2);
  CHECK(min(w).item() == -2);
  CHECK(max(w).item() == -2);
}

TEST_CASE("truncated normal numbers stay inside and keep their distribution", "[nn]") {
  Tensor w = Tensor::empty({300, 200});
  Generator generator(1);
  nn::trunc_normal_(w, {.std = 0.02, .low = -0.04, .high = 0.02}, generator);
  CHECK(min(w).item() >= -0.04);
  CHECK(max(w).item() <= 0.02f);
  CHECK(max(w).item() > 0.0199);
  // The mean of a standard normal number between -2 and 1 is (phi(2) - phi(1)) / (Phi(1) - Phi(-2)).
  CHECK(mean(w).item() / 0.02 == Approx((0.0539910 - 0.2419707) / (0.8413447 - 0.0227501)).epsilon(0.05));
  CHECK_THROWS_WITH(nn::trunc_normal_(w, {.mean = 0, .std = 1, .low = 5, .high = 6}), Catch::Contains("at least 1 %"));
}

TEST_CASE("layers start as PyTorch's do and repeat with the seed", "[nn]") {
  Generator a(3), b(3);
  nn::Conv2d one({.in = 16, .out = 32, .kernel = 3}, a), two({.in = 16, .out = 32, .kernel = 3}, b);
  CHECK(one.weight.value.to_vector<float>() == two.weight.value.to_vector<float>());
  CHECK(one.weight.value.requires_grad());
  CHECK(largest(one.weight) == Approx(1 / 12.0).epsilon(0.01));
  CHECK(largest(one.bias) == Approx(1 / 12.0).epsilon(0.2));
  nn::Linear fc({.in = 400, .out = 300}, a);
  CHECK(largest(fc.weight) == Approx(1 / 20.0).epsilon(0.01));
  CHECK(largest(fc.bias) == Approx(1 / 20.0).epsilon(0.05));
  CHECK(spread(nn::Embedding({.count = 100, .size = 100}, a).weight) == Approx(1).epsilon(0.05));
}
