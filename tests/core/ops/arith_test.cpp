#include <fovea/core/ops.h>
#include <fovea/kernels/context.h>

#include <cmath>

#include "support/catch.h"

using namespace fovea;

static std::vector<float> floats(const Tensor& t) {
  return t.to_vector<float>();
}
static std::vector<int64_t> bits(const Tensor& t) {
  return t.to_vector<int64_t>();
}

// The gradient of the sum of f's result.
template <class F>
static std::vector<float> gradient(const std::vector<float>& at, F f) {
  Tensor x = Tensor::from<float>({int64_t(at.size())}, at).set_requires_grad();
  sum(f(x)).backward();
  return floats(x.grad());
}

TEST_CASE("tensors broadcast as in PyTorch", "[core][arith]") {
  Tensor column = Tensor::from<float>({2, 1}, {10, 20}), row = Tensor::from<float>({3}, {1, 2, 3});
  CHECK((column + row).shape() == Shape{2, 3});
  CHECK(floats(column + row) == std::vector<float>{11, 12, 13, 21, 22, 23});
  CHECK(floats(column - row) == std::vector<float>{9, 8, 7, 19, 18, 17});
  CHECK(floats(row * column) == std::vector<float>{10, 20, 30, 20, 40, 60});
  CHECK(floats(column / row.slice(0, 2)) == std::vector<float>{10, 5, 20, 10});
  CHECK(floats(2.0 / row - 1) == std::vector<float>{1, 0, 2.0f / 3 - 1});
  CHECK(floats(5.0 - row * 2) == std::vector<float>{3, 1, -1});
}

TEST_CASE("every broadcast pattern over large tensors gives what small steps give", "[core][arith]") {
  // One element past several parts of the work, so that parts begin inside of rows.
  const std::vector<std::pair<Shape, Shape>> pairs = {{{40, 1021}, {1021}},    {{40, 1021}, {40, 1}},
                                                      {{3, 1, 12007}, {2, 1}}, {{1, 5, 7, 11, 103}, {5, 1, 11, 1}},
                                                      {{40961}, {1}},          {{211, 1}, {1, 211}}};
  for (const auto& [a_shape, b_shape] : pairs) {
    INFO(a_shape.str() << " " << b_shape.str());
    Tensor a = randn(a_shape), b = randn(b_shape), y = a - b;
    Tensor wide_a = expand(a, y.shape()), wide_b = expand(b, y.shape());
    std::vector<float> u = floats(wide_a), v = floats(wide_b), result = floats(y);
    bool same = true;
    for (size_t i = 0; i < result.size(); ++i) same &= result[i] == u[i] - v[i];
    CHECK(same);
    // expand against an independent count of where each element comes from
    std::vector<float> source = floats(b);
    for (size_t i = 0; i < v.size(); ++i) {
      int64_t rest = int64_t(i), from = 0, run = 1;
      for (int d = 1; d <= y.rank(); ++d) {
        int64_t at = rest % y.shape()[-d];
        rest /= y.shape()[-d];
        if (d > b.rank() || b.shape()[-d] == 1) continue;
        from += at * run;
        run *= b.shape()[-d];
      }
      same &= v[i] == source[size_t(from)];
    }
    CHECK(same);
  }
}

TEST_CASE("results do not depend on the number of threads", "[core][arith]") {
  Tensor x = randn({70001}), row = randn({7, 1});
  int threads = kernels::threads();
  std::vector<std::vector<float>> runs;
  for (int count : {1, 2, 3}) {
    kernels::set_threads(count);
    Generator generator(1);
    Tensor matrix = x.slice(0, 70000).reshape({7, 10000});
    runs.push_back(floats(concat({gelu(x), flatten(tanh(matrix * row)), dropout(x, 0.4, true, generator),
                                  sum(x, {}, true), sum(x.slice(0, 70000).reshape({10000, 7}), {0}), sum(matrix, {1}),
                                  max(matrix, {0}), flatten(normalize(matrix)), flatten(transpose(matrix, 0, 1))})));
  }
  kernels::set_threads(threads);
  CHECK(runs[0] == runs[1]);
  CHECK(runs[0] == runs[2]);
}

TEST_CASE("gradients at kinks are PyTorch's", "[core][arith]") {
  CHECK(gradient({-1, 0, 2}, [](const Tensor& x) { return abs(x); }) == std::vector<float>{-1, 0, 1});
  CHECK(gradient({-1, 0, 2}, [](const Tensor& x) { return relu(x); }) == std::vector<float>{0, 0, 1});
  CHECK(gradient({-2, -1, 0, 1, 2}, [](const Tensor& x) { return clamp(x, -1, 1); }) ==
        std::vector<float>{0, 0, 1, 0, 0});
  Tensor zero = Tensor::zeros({3});
  CHECK(gradient({-1, 0, 2}, [&](const Tensor& x) { return maximum(x, zero); }) == std::vector<float>{0, 0.5f, 1});
  CHECK(gradient({-1, 0, 2}, [&](const Tensor& x) { return minimum(zero, x); }) == std::vector<float>{1, 0.5f, 0});
  CHECK(gradient({0, 3}, [](const Tensor& x) { return pow(x, 0); }) == std::vector<float>{0, 0});
  CHECK(gradient({25}, [](const Tensor& x) { return softplus(x); }) == std::vector<float>{1});
}

TEST_CASE("NaN and infinities go through", "[core][arith]") {
  Tensor x = Tensor::from<float>({3}, {NAN, -INFINITY, INFINITY});
  CHECK(std::isnan(floats(relu(x))[0]));
  CHECK(std::isnan(floats(clamp(x, 0, 1))[0]));
  CHECK(floats(clamp(x, 0, 1))[2] == 1);
  CHECK(std::isnan(floats(maximum(x, Tensor::zeros({3})))[0]));
  CHECK(std::isnan(floats(minimum(Tensor::zeros({3}), x))[0]));
  CHECK(floats(softplus(x))[2] == INFINITY);
  CHECK(floats(softplus(x))[1] == 0);
  CHECK(floats(x.to(Dtype::bf16) * 2.0)[2] == INFINITY);
}

TEST_CASE("comparisons give 0 and 1 for every dtype", "[core][arith]") {
  for (Dtype dtype : {Dtype::f32, Dtype::f64, Dtype::bf16, Dtype::i64, Dtype::u8}) {
    INFO(name_of(dtype));
    Tensor a = Tensor::from<float>({3}, {1, 2, 3}).to(dtype), b = Tensor::from<float>({1}, {2}).to(dtype);
    CHECK((a == b).dtype() == Dtype::u8);
    CHECK(bits(a == b) == std::vector<int64_t>{0, 1, 0});
    CHECK(bits(a != b) == std::vector<int64_t>{1, 0, 1});
    CHECK(bits(a < b) == std::vector<int64_t>{1, 0, 0});
    CHECK(bits(a <= b) == std::vector<int64_t>{1, 1, 0});
    CHECK(bits(a > b) == std::vector<int64_t>{0, 0, 1});
    CHECK(bits(a >= 2) == std::vector<int64_t>{0, 1, 1});
    CHECK(bits(where(a < b, b, a)) == std::vector<int64_t>{2, 2, 3});
  }
  Tensor nan = Tensor::full({1}, NAN);
  CHECK(bits(nan == nan) == std::vector<int64_t>{0});
  CHECK(bits(nan != nan) == std::vector<int64_t>{1});
}

TEST_CASE("in-place arithmetic changes the memory that others see", "[core][arith]") {
  Tensor y = Tensor::from<float>({2}, {1, 2}), view = y.reshape({2, 1});
  add_(y, Tensor::from<float>({2}, {10, 20}), 0.5);
  mul_(y, 2);
  CHECK(floats(view) == std::vector<float>{12, 24});
  Tensor parameter = Tensor::ones({2}).set_requires_grad();
  CHECK_THROWS_WITH(add_(parameter, y), Catch::Contains("NoGrad"));
  CHECK_THROWS_WITH(mul_(parameter, 2), Catch::Contains("NoGrad"));
  NoGrad guard;
  CHECK(floats(mul_(parameter, 3)) == std::vector<float>{3, 3});
}

TEST_CASE("arithmetic of what does not fit says so", "[core][arith]") {
  Tensor a = Tensor::ones({2, 3}), b = Tensor::ones({2});
  CHECK_THROWS_WITH(a + b, Catch::Contains("add: want shapes that broadcast, got [2, 3] and [2]"));
  CHECK_THROWS_WITH(a * a.to(Dtype::bf16),
                    Catch::Contains("mul: want two tensors of one dtype") && Catch::Contains("bf16"));
  CHECK_THROWS_WITH(a.to(Dtype::i64) + a.to(Dtype::i64),
                    Catch::Contains("add: want f32, bf16") && Catch::Contains("i64"));
  CHECK_THROWS_WITH(exp(a.to(Dtype::u8)), Catch::Contains("exp: want f32"));
  CHECK_THROWS_WITH(a.to(Dtype::u8) < 300, Catch::Contains("[0, 255]"));
  CHECK_THROWS_WITH(a.to(Dtype::i64) == 1.5, Catch::Contains("whole number"));
  CHECK_THROWS_WITH(clamp(a, 1, 0), Catch::Contains("low <= high"));
  CHECK_THROWS_WITH(add_(a, b), Catch::Contains("add_: want two tensors of one shape"));
  CHECK_THROWS_WITH(where(a, a, a), Catch::Contains("u8 condition"));
  CHECK_THROWS_WITH(a + Tensor(), Catch::Contains("undefined"));
}

TEST_CASE("a graph keeps the operands that its gradients read and no others", "[core][arith]") {
  // The block of a large tensor is handed out again once nobody holds it.
  auto kept = [](auto f) {
    Tensor x = Tensor::full({1 << 20}, 2), parameter = Tensor::full({1}, 3).set_requires_grad();
    Tensor y = sum(f(x, parameter));
    const void* memory = x.raw();
    x = {};
    bool again = false;
    std::vector<Tensor> blocks;
    for (int i = 0; i < 8; ++i) again |= blocks.emplace_back(Tensor::empty({1 << 20})).raw() == memory;
    return !again;
  };
  CHECK_FALSE(kept([](const Tensor& x, const Tensor& p) { return x + p; }));
  CHECK(kept([](const Tensor& x, const Tensor& p) { return x * p; }));
  CHECK(kept([](const Tensor& x, const Tensor& p) { return p * x; }));
  CHECK_FALSE(kept([](const Tensor& x, const Tensor& p) { return (x * 0.5).detach() + p; }));
  CHECK(kept([](const Tensor& x, const Tensor& p) { return x / p; }));
}

TEST_CASE("dropout zeroes a fraction p, scales the rest, and draws the same mask in backward", "[core][arith]") {
  Generator generator(11);
  Tensor x = Tensor::ones({100003}).set_requires_grad();
  Tensor y = dropout(x, 0.25, true, generator);
  y.backward(Tensor::ones({100003}));
  CHECK(floats(x.grad()) == floats(y));
  double kept = 0;
  for (float v : floats(y)) {
    REQUIRE((v == 0 || v == Approx(1 / 0.75)));
    kept += v != 0;
  }
  CHECK(kept / 100003 == Approx(0.75).margin(0.01));
  CHECK(floats(dropout(x, 0.25, true, generator)) != floats(y));
  CHECK(dropout(x, 0.25, false).shares_memory(x));
  CHECK(dropout(x, 0, true).shares_memory(x));
  CHECK(sum(dropout(x, 1, true)).item() == 0);
  CHECK_THROWS_WITH(dropout(x, 1.5, true), Catch::Contains("[0, 1]"));
}

TEST_CASE("dropout's mask is the generator's uniform numbers below the probability to keep", "[core][arith]") {
  Generator a(5, 3), b(5, 3);
  std::vector<float> u = floats(rand({1027}, a)), y = floats(dropout(Tensor::ones({1027}), 0.5, true, b));
  bool same = true;
  for (size_t i = 0; i < u.size(); ++i) same &= (y[i] != 0) == (u[i] < 0.5f);
  CHECK(same);
  CHECK(a.offset() == b.offset());
}
