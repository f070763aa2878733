#include <fovea/core/tensor.h>
#include <fovea/kernels/attention.h>
#include <algorithm>
#include <cmath>
#include <vector>

#include "support/catch.h"
#include "support/numbers.h"

using namespace fovea;
using namespace fovea::kernels;
using namespace fovea::testing;

namespace {

template <class T>
constexpr Dtype dtype_of = sizeof(T) == 4   ? Dtype::f32
                           : sizeof(T) == 2 ? Dtype::bf16
                                            : Dtype::f64;

// Repeatable numbers that bf16 holds exactly.
Tensor filled(Shape shape, double seed) {
  return Tensor::from<double>(shape, as<double>(numbers<bf16>(shape.numel(), seed)));
}

struct Case {
  int64_t batch, tokens, heads, dim;
  bool causal = false, masked = false;
  double dropout = 0;
};

struct Result {
  Tensor y, lse, dqkv;
};

template <class T, class Ctx>
Result run(Ctx& ctx, Device device, const Case& c, Dtype dtype, Dtype statistics) {
  Tensor qkv = filled({c.batch, c.tokens, 3, c.heads, c.dim}, 0.1).to(dtype).to(device);
  Tensor dy = filled({c.batch, c.tokens, c.heads, c.dim}, 0.7).to(dtype).to(device);
  // Image 0 sees most keys, others but the first half's end and, if there is a third, nothing at all.
  Tensor mask = Tensor::zeros({c.batch, c.tokens}, Dtype::u8);
  for (int64_t b = 0; b < c.batch; ++b)
    for (int64_t j = 0; j < c.tokens; ++j)
      mask.data<uint8_t>()[b * c.tokens + j] = b == 0 ? j % 5 != 3 : b == 1 ? j < (c.tokens + 1) / 2 : 0;
  mask = mask.to(device);
  const Attention shape{c.batch,   c.tokens, c.heads, c.dim, 0.35, c.causal, c.masked ? mask.data<uint8_t>() : nullptr,
                        c.dropout, 7,        3};
  Result r{Tensor::zeros(dy.shape(), dtype, device), Tensor::zeros({c.batch, c.heads, c.tokens}, statistics, device),
           Tensor::zeros(qkv.shape(), dtype, device)};
  using A = accumulator_t<T>;
  attention(ctx, shape, qkv.data<T>(), r.y.data<T>(), r.lse.data<A>());
  attention_backward(ctx, shape, qkv.data<T>(), r.y.data<T>(), r.lse.data<A>(), dy.data<T>(), r.dqkv.data<T>());
  return r;
}

// The largest difference, against the largest number if that is above 1; infinity counts as 0 where both have it.
double difference(const Tensor& a, const Tensor& b) {
  std::vector<double> x = a.to_vector<double>(), z = b.to_vector<double>();
  double worst = 0, most = 1;
  for (double v : z) most = std::max(most, std::isfinite(v) ? std::abs(v) : 0);
  for (size_t i = 0; i < z.size(); ++i)
    if (x[i] != z[i]) worst = std::max(worst, std::isfinite(x[i] - z[i]) ? std::abs(x[i] - z[i]) : INFINITY);
  return worst / most;
}

template <class T>
void compare(const Case& c) {
  INFO(c.batch << " x " << c.tokens << " x " << c.heads << " x " << c.dim << (c.causal ? ", causal" : "")
               << (c.masked ? ", masked" : "") << ", dropout " << c.dropout << ", " << sizeof(T) << " bytes");
  Result wanted = run<double>(cpu(), Device::cpu(), c, Dtype::f64, Dtype::f64);
  Result got = run<T>(cuda(0), Device::cuda(), c, dtype_of<T>, Dtype::f32);
  const bool half = sizeof(T) == 2;
  CHECK(difference(got.y, wanted.y) <= (half ? 0.01 : 2e-6));
  CHECK(difference(got.lse, wanted.lse) <= 2e-6);
  CHECK(difference(got.dqkv, wanted.dqkv) <= (half ? 0.015 : 2e-6));
}

}  // namespace

TEMPLATE_TEST_CASE("attention on the device: every head width, odd numbers of tokens, every mask", "[cuda][attention]",
                   float, bf16) {
  for (int64_t dim : {1, 8, 32, 40, 64, 72, 80, 96, 128})
    compare<TestType>({1, dim == 64 ? 131 : 67, 2, dim, dim % 3 == 0, dim % 4 == 0});
  for (int64_t tokens : {1, 16, 33, 64, 197}) compare<TestType>({1, tokens, 1, 32});
  for (bool causal : {false, true}) compare<TestType>({3, 35, 2, 24, causal, true});
  compare<TestType>({1, 161, 1, 32, true, false});
}

TEMPLATE_TEST_CASE("attention on the device drops the probabilities that the CPU drops", "[cuda][attention]", float,
                   bf16) {
  compare<TestType>({2, 37, 2, 64, false, true, 0.4});
  compare<TestType>({1, 70, 1, 13, true, false, 0.2});
  compare<TestType>({1, 9, 1, 128, false, false, 1});
}

TEST_CASE("attention on the device in bf16 errs at most twice as much as its parts one by one", "[cuda][attention]") {
  // Each product and the softmax rounded to bf16, sums exact: what separate operators would give.
  const Case c{1, 90, 1, 64};
  Result wanted = run<double>(cpu(), Device::cpu(), c, Dtype::f64, Dtype::f64);
  Result got = run<bf16>(cuda(0), Device::cuda(), c, Dtype::bf16, Dtype::f32);
  const std::vector<double> qkv = filled({c.tokens, 3, c.dim}, 0.1).to_vector<double>(),
                            dy = filled({c.tokens, c.dim}, 0.7).to_vector<double>();
  auto rounded = [](double x) { return double(float(bf16(float(x)))); };
  auto part = [&](int64_t i, int which) { return qkv.data() + (i * 3 + which) * c.dim; };
  auto dot = [&](const double* a, const double* b) {
    double sum = 0;
    for (int64_t d = 0; d < c.dim; ++d) sum += a[d] * b[d];
    return sum;
  };
  std::vector<double> y(dy.size()), dqkv(qkv.size()), p(size_t(c.tokens)), dp(size_t(c.tokens));
  for (int64_t i = 0; i < c.tokens; ++i) {
    double sum = 0, mean = 0;
    for (int64_t j = 0; j < c.tokens; ++j)
      sum += p[size_t(j)] = std::exp(rounded(0.35 * rounded(dot(part(i, 0), part(j, 1)))));
    for (int64_t j = 0; j < c.tokens; ++j) {
      p[size_t(j)] = rounded(p[size_t(j)] / sum);
      dp[size_t(j)] = rounded(dot(dy.data() + i * c.dim, part(j, 2)));
      mean += p[size_t(j)] * dp[size_t(j)];
    }
    for (int64_t j = 0; j < c.tokens; ++j) {
      const double slope = rounded(0.35 * rounded(p[size_t(j)] * (dp[size_t(j)] - mean)));
      for (int64_t d = 0; d < c.dim; ++d) {
        y[size_t(i * c.dim + d)] += p[size_t(j)] * part(j, 2)[d];
        dqkv[size_t((i * 3 + 0) * c.dim + d)] += slope * part(j, 1)[d];
        dqkv[size_t((j * 3 + 1) * c.dim + d)] += slope * part(i, 0)[d];
        dqkv[size_t((j * 3 + 2) * c.dim + d)] += p[size_t(j)] * dy[size_t(i * c.dim + d)];
      }
    }
  }
  auto naive = [](const std::vector<double>& v, const Tensor& like) {
    return Tensor::from<double>(like.shape(), v).to(Dtype::bf16);
  };
  CHECK(difference(got.y, wanted.y) <= 2 * difference(naive(y, wanted.y), wanted.y));
  CHECK(difference(got.dqkv, wanted.dqkv) <= 2 * difference(naive(dqkv, wanted.dqkv), wanted.dqkv));
}

TEST_CASE("attention on the device takes rows that are not aligned", "[cuda][attention]") {
  // One element past a boundary of 16 bytes, with a width that packs would allow.
  const int64_t tokens = 19, dim = 32;
  Tensor qkv = filled({tokens, 3, 1, dim}, 0.1).to(Dtype::f32), all = Tensor::zeros({tokens * 3 * dim + 1});
  std::copy_n(qkv.data<float>(), qkv.numel(), all.data<float>() + 1);
  all = all.to(Device::cuda());
  Tensor y = Tensor::zeros({tokens, dim}, Dtype::f32, Device::cuda()),
         lse = Tensor::zeros({tokens}, Dtype::f32, Device::cuda());
  Tensor want = Tensor::zeros({tokens, dim}), want_lse = Tensor::zeros({tokens});
  const Attention shape{1, tokens, 1, dim, 0.2, false, nullptr};
  attention(cuda(0), shape, all.data<float>() + 1, y.data<float>(), lse.data<float>());
  attention(cpu(), shape, qkv.data<float>(), want.data<float>(), want_lse.data<float>());
  CHECK(difference(y, want) < 4e-6);
}

TEST_CASE("attention on the device says which head widths it takes", "[cuda][attention]") {
  const Attention shape{1, 1, 1, 129, 1, false, nullptr};
  CHECK_THROWS_WITH(attention<float>(cuda(0), shape, nullptr, nullptr, nullptr), Catch::Contains("at most 128"));
}
