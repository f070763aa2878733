#include <fovea/kernels/vector_math.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "support/catch.h"

using namespace fovea::kernels;

// The largest |f(x) - exact(x)| / |exact(x)| over floats evenly spread over [low, high] and, by exponent, towards 0.
template <class F, class Exact>
static double relative_error(F f, Exact exact, float low, float high) {
  std::mt19937 random(1);
  std::uniform_real_distribution<float> uniform(low, high), exponent(-30, 0);
  double worst = 0;
  for (int i = 0; i < 200000; ++i) {
    float x = uniform(random);
    if (i % 2) x *= std::exp2(exponent(random));
    if (x < low) continue;
    double wanted = exact(double(x)), error = std::abs(double(f(x)) - wanted);
    if (error != 0) worst = std::max(worst, error / std::abs(wanted));
  }
  return worst;
}

TEST_CASE("elementary functions in float are within 3e-7 of the exact values", "[kernels][math]") {
  using std::exp, std::log, std::tanh, std::erf, std::log1p;
  CHECK(relative_error([](float x) { return math::exp(x); }, [](double x) { return exp(x); }, -87, 88.7f) < 3e-7);
  CHECK(relative_error([](float x) { return math::log(x); }, [](double x) { return log(x); }, 1e-37f, 4) < 3e-7);
  CHECK(relative_error([](float x) { return math::log(x); }, [](double x) { return log(x); }, 1, 3e38f) < 3e-7);
  CHECK(relative_error([](float x) { return math::log1p(x); }, [](double x) { return log1p(x); }, 0, 100) < 3e-7);
  CHECK(relative_error([](float x) { return math::tanh(x); }, [](double x) { return tanh(x); }, -12, 12) < 3e-7);
  CHECK(relative_error([](float x) { return math::erf(x); }, [](double x) { return erf(x); }, -5, 5) < 3e-7);
  auto sigmoid = [](double x) { return 1 / (1 + exp(-x)); };
  CHECK(relative_error([](float x) { return math::sigmoid(x); }, sigmoid, -80, 80) < 3e-7);
}

TEST_CASE("elementary functions in float keep NaN, infinities, zeros and subnormals", "[kernels][math]") {
  const float inf = INFINITY, tiny = std::numeric_limits<float>::denorm_min();
  CHECK(math::exp(inf) == inf);
  CHECK(math::exp(-inf) == 0);
  CHECK(math::exp(0.0f) == 1);
  CHECK(math::exp(89.0f) == inf);
  CHECK(math::exp(-100.0f) == Approx(std::exp(-100.0)).epsilon(0.05));  // subnormal: few bits
  CHECK(std::isnan(math::exp(NAN)));
  CHECK(math::log(inf) == inf);
  CHECK(math::log(0.0f) == -inf);
  CHECK(math::log(1.0f) == 0);
  CHECK(math::log(tiny) == Approx(std::log(double(tiny))).epsilon(1e-6));
  CHECK(std::isnan(math::log(-1.0f)));
  CHECK(std::isnan(math::log(NAN)));
  CHECK(math::log1p(inf) == inf);
  CHECK(math::log1p(1e-20f) == 1e-20f);
  CHECK(math::tanh(inf) == 1);
  CHECK(math::tanh(-inf) == -1);
  CHECK(std::signbit(math::tanh(-0.0f)));
  CHECK(std::isnan(math::tanh(NAN)));
  CHECK(math::erf(inf) == 1);
  CHECK(math::erf(-inf) == -1);
  CHECK(std::isnan(math::erf(NAN)));
  CHECK(math::sigmoid(-inf) == 0);
  CHECK(math::sigmoid(inf) == 1);
}

TEST_CASE("sincos in float is exact to 1e-7 up to 10^4 and keeps NaN", "[kernels][math]") {
  double worst = 0;
  for (int i = -200000; i <= 200000; ++i) {
    const float x = float(i) * 0.05f + 1e-3f * float(i % 7);
    const auto [sine, cosine] = math::sincos(x);
    worst = std::max({worst, std::abs(sine - std::sin(double(x))), std::abs(cosine - std::cos(double(x)))});
  }
  CHECK(worst < 1.2e-7);
  CHECK((math::sincos(0.0f).sin == 0 && math::sincos(0.0f).cos == 1));
  for (float x : {1e5f, -3e7f, 1e30f}) CHECK(std::abs(math::sincos(x).sin) < 1.1f);
  for (float x : {NAN, INFINITY, -INFINITY})
    CHECK((std::isnan(math::sincos(x).sin) && std::isnan(math::sincos(x).cos)));
}
