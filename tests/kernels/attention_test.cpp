#include <fovea/kernels/attention.h>
#include <fovea/kernels/attention/attention_isa.h>
#include <fovea/kernels/scratch.h>
#include <cmath>
#include <type_traits>
#include <vector>

#include "support/catch.h"
#include "support/numbers.h"

using namespace fovea;
using namespace fovea::kernels;
using namespace fovea::testing;

namespace {

struct Result {
  std::vector<double> y, dqkv;
};

// The definition, one head at a time.
template <class T>
Result formula(const Attention& s, const std::vector<T>& qkv, const std::vector<T>& dy) {
  auto at = [&](int64_t b, int64_t t, int64_t part, int64_t h, int64_t d) {
    return size_t((((b * s.tokens + t) * 3 + part) * s.heads + h) * s.dim + d);
  };
  auto value = [](T x) { return double(accumulator_t<T>(x)); };
  Result result{std::vector<double>(dy.size()), std::vector<double>(qkv.size())};
  for (int64_t b = 0; b < s.batch; ++b)
    for (int64_t h = 0; h < s.heads; ++h)
      for (int64_t i = 0; i < s.tokens; ++i) {
        std::vector<double> p(size_t(s.tokens)), dp(size_t(s.tokens));
        double sum = 0, mean = 0;
        size_t out = size_t(((b * s.tokens + i) * s.heads + h) * s.dim);
        for (int64_t j = 0; j < s.tokens; ++j) {
          if ((s.causal && j > i) || (s.key_mask && !s.key_mask[b * s.tokens + j])) continue;
          double logit = 0;
          for (int64_t d = 0; d < s.dim; ++d)
            logit += s.scale * value(qkv[at(b, i, 0, h, d)]) * value(qkv[at(b, j, 1, h, d)]);
          sum += p[size_t(j)] = std::exp(logit);
        }
        for (int64_t j = 0; j < s.tokens; ++j) {
          if (sum > 0) p[size_t(j)] /= sum;
          for (int64_t d = 0; d < s.dim; ++d) {
            double v = value(qkv[at(b, j, 2, h, d)]), g = value(dy[out + size_t(d)]);
            result.y[out + size_t(d)] += p[size_t(j)] * v;
            result.dqkv[at(b, j, 2, h, d)] += p[size_t(j)] * g;
            dp[size_t(j)] += g * v;
          }
          mean += p[size_t(j)] * dp[size_t(j)];
        }
        for (int64_t j = 0; j < s.tokens; ++j) {
          double slope = s.scale * p[size_t(j)] * (dp[size_t(j)] - mean);
          for (int64_t d = 0; d < s.dim; ++d) {
            result.dqkv[at(b, i, 0, h, d)] += slope * value(qkv[at(b, j, 1, h, d)]);
            result.dqkv[at(b, j, 1, h, d)] += slope * value(qkv[at(b, i, 0, h, d)]);
          }
        }
      }
  return result;
}

template <class T>
double difference(const std::vector<T>& a, const std::vector<double>& b) {
  double worst = 0;
  for (size_t i = 0; i < b.size(); ++i) worst = std::max(worst, std::abs(double(accumulator_t<T>(a[i])) - b[i]));
  return worst;
}

}  // namespace

TEMPLATE_TEST_CASE("attention agrees with its definition, with and without masks", "[kernels][attention]", float,
                   double, bf16) {
  using T = TestType;
  const double tolerance = std::is_same_v<T, bf16> ? 0.05 : std::is_same_v<T, float> ? 1e-5 : 1e-13;
  struct Size {
    int64_t batch, tokens, heads, dim;
  };
  for (Size size : {Size{1, 1, 1, 1}, {2, 17, 3, 8}, {1, 48, 2, 16}, {2, 49, 1, 33}, {1, 131, 2, 64}, {1, 100, 1, 5}})
    for (bool causal : {false, true})
      for (bool masked : {false, true}) {
        std::vector<uint8_t> mask;
        for (int64_t i = 0; i < size.batch * size.tokens; ++i) mask.push_back(uint8_t(i % 3 != 0));
        Attention s{size.batch, size.tokens, size.heads, size.dim, 0.4, causal, masked ? mask.data() : nullptr};
        int64_t n = size.batch * size.tokens * size.heads * size.dim;
        std::vector<T> qkv = as<T>(numbers<bf16>(3 * n, 0.1)), dy = as<T>(numbers<bf16>(n, 0.7)), y(dy.size()),
                       dqkv(qkv.size());
        std::vector<accumulator_t<T>> lse(size_t(size.batch * size.heads * size.tokens));
        attention(cpu(), s, qkv.data(), y.data(), lse.data());
        attention_backward(cpu(), s, qkv.data(), y.data(), lse.data(), dy.data(), dqkv.data());
        Result wanted = formula(s, qkv, dy);
        INFO(size.batch << " x " << size.tokens << " x " << size.heads << " x " << size.dim << " causal " << causal
                        << " masked " << masked);
        CHECK(difference(y, wanted.y) < tolerance);
        CHECK(difference(dqkv, wanted.dqkv) < tolerance);
      }
}

TEST_CASE("a query that may attend to nothing gives 0 and takes no part in gradients", "[kernels][attention]") {
  std::vector<uint8_t> mask{0, 0, 0};
  Attention s{1, 3, 1, 2, 1, false, mask.data()};
  std::vector<float> qkv = as<float>(numbers<bf16>(18, 0.1)), dy(6, 1), y(6, 5), dqkv(18, 5), lse(3);
  attention(cpu(), s, qkv.data(), y.data(), lse.data());
  attention_backward(cpu(), s, qkv.data(), y.data(), lse.data(), dy.data(), dqkv.data());
  CHECK(y == std::vector<float>(6, 0));
  CHECK(dqkv == std::vector<float>(18, 0));
}

TEST_CASE("attention does not depend on the number of threads, and keeps no matrix of tokens by tokens",
          "[kernels][attention]") {
  Attention s{2, 3000, 2, 8, 0.3, false, nullptr};
  int64_t n = s.batch * s.tokens * s.heads * s.dim;
  std::vector<float> qkv = as<float>(numbers<bf16>(3 * n, 0.1)), dy = as<float>(numbers<bf16>(n, 0.7));
  auto run = [&](int count) {
    int usual = threads();
    set_threads(count);
    std::vector<float> y(dy.size()), dqkv(qkv.size()), lse(size_t(s.batch * s.heads * s.tokens));
    attention(cpu(), s, qkv.data(), y.data(), lse.data());
    attention_backward(cpu(), s, qkv.data(), y.data(), lse.data(), dy.data(), dqkv.data());
    set_threads(usual);
    return dqkv;
  };
  size_t before = scratch_held();
  CHECK(run(1) == run(2));
  CHECK(scratch_held() < before + (size_t(100) << 20));  // four heads' matrices would be 137 MiB
}

TEST_CASE("strips of attention agree on every instruction set", "[kernels][attention]") {
  auto check = [](auto tag) {
    constexpr Isa I = decltype(tag)::value;
    if (I > isa()) return;
    std::vector<float> s = as<float>(numbers<bf16>(5 * 40, 0.2)), plain = s, inverse(5), plain_inverse(5), lse(5),
                       plain_lse(5);
    std::vector<uint8_t> mask;
    for (int i = 0; i < 37; ++i) mask.push_back(uint8_t(i % 4 != 1));
    strip_softmax<I>(s.data(), 40, 5, 37, 2.0f, Allowed{mask.data(), 20}, inverse.data(), lse.data());
    strip_softmax<Isa::plain>(plain.data(), 40, 5, 37, 2.0f, Allowed{mask.data(), 20}, plain_inverse.data(),
                              plain_lse.data());
    for (size_t i = 0; i < s.size(); ++i) CHECK(s[i] == Approx(plain[i]).epsilon(1e-5));
    for (size_t i = 0; i < 5; ++i) {
      CHECK(inverse[i] == Approx(plain_inverse[i]).epsilon(1e-5));
      CHECK(lse[i] == Approx(plain_lse[i]).epsilon(1e-5));
    }
  };
  check(std::integral_constant<Isa, Isa::plain>());
#if defined(__x86_64__)
  check(std::integral_constant<Isa, Isa::avx2>());
  check(std::integral_constant<Isa, Isa::avx512>());
#endif
}
