#include <fovea/core/allocator.h>
#include <fovea/core/random.h>
#include <fovea/core/tensor.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "support/catch.h"

using namespace fovea;

TEST_CASE("reshape and slice share memory, clone does not", "[core][tensor]") {
  Tensor t = Tensor::from<float>({2, 3}, {1, 2, 3, 4, 5, 6});
  Tensor row = t.slice(1, 2), flat = t.reshape({-1});
  t.data<float>()[3] = 40;
  CHECK(row.to_vector<float>() == std::vector<float>{40, 5, 6});
  CHECK(flat.to_vector<float>()[3] == 40);
  CHECK(flat.shares_memory(t));
  CHECK_FALSE(t.clone().shares_memory(t));
}

TEST_CASE("a wrong reshape, slice, dtype or use of nothing says so in words", "[core][tensor]") {
  Tensor t = Tensor::zeros({2, 3});
  CHECK_THROWS_WITH(t.reshape({4, -1}), Catch::Contains("[2, 3]"));
  CHECK_THROWS_WITH(t.reshape({-1, -1}), Catch::Contains("at most one -1"));
  CHECK_THROWS_WITH(t.slice(1, 3), Catch::Contains("[1, 3)"));
  CHECK_THROWS_WITH(t.data<int64_t>(), Catch::Contains("want a i64 tensor, got f32 [2, 3]"));
  CHECK_THROWS_WITH(Tensor().shape(), Catch::Contains("undefined"));
  CHECK_THROWS_WITH(Tensor::from<float>({2}, {1, 2, 3}), Catch::Contains("want 2 values"));
  CHECK_THROWS_WITH(t.size(2), Catch::Contains("dimension of [2, 3]"));
  CHECK_THROWS_AS(Tensor::empty({int64_t(1) << 40, int64_t(1) << 40}), Error);
}

TEST_CASE("bfloat16 rounds to nearest even and keeps NaN and infinity", "[core][tensor]") {
  CHECK(float(bf16(1.0f + 1.0f / 256)) == 1.0f);  // a tie goes to the even mantissa
  CHECK(float(bf16(1.0f + 3.0f / 256)) == 1.0f + 4.0f / 256);
  CHECK(std::isnan(float(bf16(NAN))));
  CHECK(float(bf16(INFINITY)) == INFINITY);
  CHECK(float(bf16(3.4e38f)) == INFINITY);
}

TEST_CASE("dtypes convert and gradients pass through the conversion", "[core][tensor]") {
  Tensor t = Tensor::from<float>({3}, {1.5f, -2.25f, 100.0f});
  CHECK(t.to(Dtype::bf16).to(Dtype::f32).to_vector<float>() == t.to_vector<float>());
  CHECK(t.to(Dtype::i64).to_vector<int64_t>() == std::vector<int64_t>{1, -2, 100});
  t.set_requires_grad();
  t.to(Dtype::f64).backward(Tensor::from<double>({3}, {1, 2, 3}));
  CHECK(t.grad().to_vector<float>() == std::vector<float>{1, 2, 3});
}

TEST_CASE("tensors print as PyTorch prints them", "[core][tensor]") {
  CHECK(to_string(Tensor::from<float>({2, 2}, {1, 2.5f, -3, 4})) ==
        "tensor([[ 1.0000,  2.5000],\n        [-3.0000,  4.0000]])");
  CHECK(to_string(Tensor::from<float>({3}, {1, 2, 3})) == "tensor([1., 2., 3.])");
  CHECK(to_string(Tensor::from<int64_t>({2}, {10, -2})) == "tensor([10, -2])");
  CHECK(to_string(Tensor::full({}, 3)) == "tensor(3.)");
  CHECK(to_string(Tensor::zeros({0})) == "tensor([], size=[0])");
  CHECK(to_string(Tensor::zeros({2}, Dtype::f64)) == "tensor([0., 0.], dtype=f64)");
  CHECK(to_string(Tensor::zeros({2000})) == "tensor([0., 0., 0., ..., 0., 0., 0.])");
  CHECK(to_string(Tensor::zeros({2}).set_requires_grad()) == "tensor([0., 0.], requires_grad=True)");
}

TEST_CASE("the allocator gives the same memory again and counts it", "[core][allocator]") {
  Allocator& a = allocator(Device::cpu());
  size_t live = a.stats().live;
  void* first;
  {
    Tensor t = Tensor::empty({1 << 20});
    first = t.raw();
    CHECK(a.stats().live == live + (size_t(4) << 20));
    CHECK(reinterpret_cast<uintptr_t>(first) % (2 << 20) == 0);
  }
  CHECK(a.stats().live == live);
  size_t calls = a.stats().map_calls, cached = a.stats().cached;
  Tensor again = Tensor::empty({1 << 20});
  CHECK(again.raw() == first);
  CHECK(a.stats().map_calls == calls);
  CHECK(a.stats().cached == cached - (size_t(4) << 20));
  CHECK_THROWS_WITH(a.allocate(size_t(1) << 62), Catch::Contains("out of memory"));
  CHECK_THROWS_WITH(a.allocate(~size_t(0)), Catch::Contains("out of memory"));
}

TEST_CASE("Philox gives the published numbers", "[core][random]") {
  // Known answers of the Random123 distribution: philox4x32-10.
  kernels::Philox4 zero = kernels::philox(0, 0, 0);
  CHECK(zero.word[0] == 0x6627e8d5u);
  CHECK(zero.word[1] == 0xe169c58du);
  CHECK(zero.word[2] == 0xbc57ac4cu);
  CHECK(zero.word[3] == 0x9b00dbd8u);
  kernels::Philox4 ones = kernels::philox(~0ull, ~0ull, ~0ull);
  CHECK(ones.word[0] == 0x408f276du);
  CHECK(ones.word[3] == 0x6d5451fdu);
}

TEST_CASE("random tensors depend on seed and position alone", "[core][random]") {
  Generator a(5), b(5);
  Tensor x = randn({1001}, a), y = randn({1001}, b);
  CHECK(x.to_vector<float>() == y.to_vector<float>());
  CHECK(randn({1001}, a).to_vector<float>() != x.to_vector<float>());
  Generator resumed(5, b.offset());
  CHECK(rand({7}, resumed).to_vector<float>() == rand({7}, b).to_vector<float>());
  double mean = 0, square = 0;
  for (float v : randn({100000}, a).to_vector<float>()) mean += v, square += v * v;
  CHECK(mean / 1e5 == Approx(0).margin(0.02));
  CHECK(square / 1e5 == Approx(1).margin(0.03));
  std::vector<int64_t> p = randperm(100, a).to_vector<int64_t>();
  std::sort(p.begin(), p.end());
  CHECK(p == Tensor::arange(100).to_vector<int64_t>());
  CHECK_THROWS_AS(Rng(0, 0).integer(3, 3), Error);
}

TEST_CASE("every order is as likely to be the next random permutation", "[core][random]") {
  Generator generator(2);
  std::map<std::vector<int64_t>, int> seen;
  for (int i = 0; i < 6000; ++i) ++seen[randperm(3, generator).to_vector<int64_t>()];
  CHECK(seen.size() == 6);
  for (const auto& [order, count] : seen) CHECK(count == Approx(1000).margin(130));  // four deviations
}

TEST_CASE("a generator that is used for a while gives way to the one before", "[core][random]") {
  Generator outer(3), inner(4);
  UseGenerator first(outer);
  {
    UseGenerator second(inner);
    CHECK(&default_generator() == &inner);
  }
  CHECK(&default_generator() == &outer);
}
