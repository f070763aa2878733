#include <fovea/kernels/base/softmax_isa.h>
#include <fovea/kernels/softmax.h>
#include <cmath>
#include <limits>
#include <type_traits>
#include <vector>

#include "support/catch.h"
#include "support/numbers.h"

using namespace fovea;
using namespace fovea::kernels;
using namespace fovea::testing;

namespace {

std::vector<double> softmax_of(const double* x, int64_t cols) {
  double top = *std::max_element(x, x + cols), sum = 0;
  std::vector<double> y;
  for (int64_t i = 0; i < cols; ++i) sum += std::exp(x[i] - top);
  for (int64_t i = 0; i < cols; ++i) y.push_back(std::exp(x[i] - top) / sum);
  return y;
}

template <class T>
constexpr double kTolerance = std::is_same_v<T, bf16>    ? 4e-3
                              : std::is_same_v<T, float> ? 1e-6
                                                         : 1e-14;

}  // namespace

TEMPLATE_TEST_CASE("softmax and log_softmax agree with the formula for any row length", "[kernels][softmax]", float,
                   double, bf16) {
  using T = TestType;
  for (int64_t cols : {1, 2, 15, 16, 17, 130, 5000})
    for (int64_t rows : {1, 3, 70}) {
      for (double scale : {1.0, 300.0}) {
        std::vector<T> x = as<T>(numbers<bf16>(rows * cols, 1, scale)), y(x.size()), log_y(x.size());
        softmax(cpu(), x.data(), y.data(), rows, cols);
        log_softmax(cpu(), x.data(), log_y.data(), rows, cols);
        std::vector<double> exact(x.begin(), x.end());
        double worst = 0, worst_log = 0;
        for (int64_t r = 0; r < rows; ++r) {
          std::vector<double> wanted = softmax_of(&exact[size_t(r * cols)], cols);
          double top = *std::max_element(&exact[size_t(r * cols)], &exact[size_t(r * cols)] + cols), sum = 0;
          for (int64_t c = 0; c < cols; ++c) sum += std::exp(exact[size_t(r * cols + c)] - top);
          for (int64_t c = 0; c < cols; ++c) {
            size_t i = size_t(r * cols + c);
            worst = std::max(worst, std::abs(double(accumulator_t<T>(y[i])) - wanted[size_t(c)]));
            double log_wanted = exact[i] - top - std::log(sum);
            worst_log = std::max(
                worst_log, std::abs(double(accumulator_t<T>(log_y[i])) - log_wanted) / (1 + std::abs(log_wanted)));
          }
        }
        INFO(rows << " x " << cols << " scale " << scale);
        CHECK(worst < kTolerance<T>);
        CHECK(worst_log < kTolerance<T>);
      }
    }
}

TEST_CASE("softmax gives 0 to -infinity, and NaN to a row of nothing else", "[kernels][softmax]") {
  const float inf = std::numeric_limits<float>::infinity();
  std::vector<float> x{1, -inf, 1, -inf, -inf, -inf}, y(6);
  softmax(cpu(), x.data(), y.data(), 2, 3);
  CHECK(y[0] == 0.5f);
  CHECK(y[1] == 0.0f);
  CHECK(std::isnan(y[3]));
  CHECK(std::isnan(y[5]));
}

TEST_CASE("softmax rows agree on every instruction set", "[kernels][softmax]") {
  auto check = [](auto tag) {
    constexpr Isa I = decltype(tag)::value;
    if (I > isa()) return;
    std::vector<float> x = as<float>(numbers<bf16>(3 * 77, 1, 5)), dy = as<float>(numbers<bf16>(3 * 77, 1, 1));
    std::vector<float> plain(x.size()), y(x.size()), dx(x.size()), plain_dx(x.size());
    softmax_rows<Isa::plain>(x.data(), plain.data(), 3, 77);
    softmax_rows<I>(x.data(), y.data(), 3, 77);
    softmax_backward_rows<Isa::plain>(plain.data(), dy.data(), plain_dx.data(), 3, 77);
    softmax_backward_rows<I>(plain.data(), dy.data(), dx.data(), 3, 77);
    for (size_t i = 0; i < x.size(); ++i) {
      CHECK(y[i] == Approx(plain[i]).epsilon(1e-5));
      CHECK(dx[i] == Approx(plain_dx[i]).epsilon(1e-4).margin(1e-7));
    }
  };
  check(std::integral_constant<Isa, Isa::plain>());
#if defined(__x86_64__)
  check(std::integral_constant<Isa, Isa::avx2>());
  check(std::integral_constant<Isa, Isa::avx512>());
#endif
}
