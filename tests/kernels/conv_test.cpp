#include <fovea/kernels/conv.h>

#include <cmath>
#include <type_traits>
#include <vector>

#include <fovea/kernels/conv_winograd.h>
#include <fovea/kernels/random.h>
#include <fovea/kernels/scratch.h>

#include "support/catch.h"
#include "support/conv_shape.h"

using namespace fovea;
using namespace fovea::kernels;

namespace {

// Normal numbers, rounded to bf16 so that every type starts from the same values.
std::vector<double> numbers(int64_t n, uint64_t seed) {
  std::vector<float> values(static_cast<size_t>(n));
  fill_normal(cpu(), values.data(), n, 0, 1, {seed, 0});
  std::vector<double> rounded(values.size());
  for (size_t i = 0; i < values.size(); ++i) rounded[i] = float(bf16(values[i]));
  return rounded;
}

template <class T>
std::vector<T> as(const std::vector<double>& values) {
  std::vector<T> out(values.size());
  for (size_t i = 0; i < values.size(); ++i) out[i] = T(float(values[i]));
  return out;
}

template <class T>
struct Results {
  std::vector<T> y, dx;
  std::vector<accumulator_t<T>> dweight;
};

// How the three passes are computed: by whatever the entry points choose, or by Winograd wherever it fits.
enum class Through { entry, winograd };

// All three passes on fixed inputs. Results start as NaN: what a kernel forgets to write is noticed.
template <class T>
Results<T> run(const Conv2dShape& s, Through through = Through::entry, Epilogue epilogue = Epilogue::none) {
  using A = accumulator_t<T>;
  int64_t x_size = s.n * s.h * s.w * s.c, y_size = s.n * s.out_h() * s.out_w() * s.k;
  int64_t w_size = s.k * s.kh * s.kw * (s.c / s.groups);
  auto x = as<T>(numbers(x_size, 1)), dy = as<T>(numbers(y_size, 2));
  auto weight = as<A>(numbers(w_size, 3)), bias = as<A>(numbers(s.k, 4));
  Results<T> out{std::vector<T>(size_t(y_size), T(NAN)), std::vector<T>(size_t(x_size), T(NAN)),
                 std::vector<A>(size_t(w_size), A(NAN))};
  if constexpr (std::is_same_v<T, float>) {
    if (through == Through::winograd) {
      winograd::forward(s, x.data(), weight.data(), bias.data(), epilogue, out.y.data());
      winograd::backward_data(s, dy.data(), weight.data(), out.dx.data());
      winograd::backward_weights(s, x.data(), dy.data(), out.dweight.data());
      return out;
    }
  }
  conv2d_forward(cpu(), s, x.data(), weight.data(), bias.data(), out.y.data(), epilogue);
  conv2d_backward_data(cpu(), s, dy.data(), weight.data(), out.dx.data());
  conv2d_backward_weights(cpu(), s, x.data(), dy.data(), out.dweight.data());
  return out;
}

template <class T, class U>
double error(const std::vector<T>& got, const std::vector<U>& want) {
  double difference = 0, size = 0;
  for (size_t i = 0; i < want.size(); ++i) {
    difference += std::pow(double(got[i]) - double(want[i]), 2);
    size += std::pow(double(want[i]), 2);
  }
  return std::sqrt(difference / std::max(size, 1e-30));
}

template <class T>
void compare(const Conv2dShape& s, double tolerance, double weight_tolerance) {
  INFO(s);
  Results<T> got = run<T>(s);
  Results<double> want = run<double>(s);
  CHECK(error(got.y, want.y) < tolerance);
  CHECK(error(got.dx, want.dx) < tolerance);
  CHECK(error(got.dweight, want.dweight) < weight_tolerance);
}

// A convolution written from its definition, for the loops that the others are compared with.
double by_definition(const Conv2dShape& s, const std::vector<double>& x, const std::vector<double>& weight, int64_t n,
                     int64_t i, int64_t j, int64_t o) {
  double sum = 0;
  int64_t cg = s.c / s.groups, group = o / (s.k / s.groups);
  for (int64_t r = 0; r < s.kh; ++r)
    for (int64_t q = 0; q < s.kw; ++q)
      for (int64_t c = 0; c < cg; ++c) {
        int64_t y_in = i * s.stride_h - s.pad_h + r * s.dilation_h, x_in = j * s.stride_w - s.pad_w + q * s.dilation_w;
        if (y_in < 0 || y_in >= s.h || x_in < 0 || x_in >= s.w) continue;
        sum += x[size_t(((n * s.h + y_in) * s.w + x_in) * s.c + group * cg + c)] *
               weight[size_t(((o * s.kh + r) * s.kw + q) * cg + c)];
      }
  return sum;
}

// What Winograd takes: tails, single pixels, padding 0 to 2, one group of channels or several, more tiles than a block
// has.
const std::vector<Conv2dShape> kWinograd = {
    {.n = 2, .h = 8, .w = 8, .c = 16, .k = 16, .kh = 3, .kw = 3, .pad_h = 1, .pad_w = 1},
    {.n = 1, .h = 1, .w = 1, .c = 16, .k = 48, .kh = 3, .kw = 3, .pad_h = 1, .pad_w = 1},
    {.n = 1, .h = 3, .w = 3, .c = 32, .k = 16, .kh = 3, .kw = 3},
    {.n = 3, .h = 5, .w = 13, .c = 48, .k = 32, .kh = 3, .kw = 3, .pad_h = 1, .pad_w = 1},
    {.n = 2, .h = 9, .w = 6, .c = 80, .k = 112, .kh = 3, .kw = 3, .pad_h = 0, .pad_w = 1},
    {.n = 2, .h = 4, .w = 7, .c = 16, .k = 64, .kh = 3, .kw = 3, .pad_h = 2, .pad_w = 0},
    {.n = 19, .h = 31, .w = 10, .c = 64, .k = 64, .kh = 3, .kw = 3, .pad_h = 1, .pad_w = 1},
    {.n = 11, .h = 14, .w = 15, .c = 128, .k = 96, .kh = 3, .kw = 3, .pad_h = 1, .pad_w = 1},
    {.n = 5, .h = 4, .w = 4, .c = 272, .k = 528, .kh = 3, .kw = 3, .pad_h = 1, .pad_w = 1},
};

// Everything else.
const std::vector<Conv2dShape> kDirect = {
    {.n = 2, .h = 9, .w = 11, .c = 3, .k = 7, .kh = 3, .kw = 3, .pad_h = 1, .pad_w = 1},
    {.n = 2, .h = 17, .w = 17, .c = 3, .k = 64, .kh = 7, .kw = 7, .stride_h = 2, .stride_w = 2, .pad_h = 3, .pad_w = 3},
    {.n = 3, .h = 8, .w = 8, .c = 16, .k = 32, .kh = 3, .kw = 3, .stride_h = 2, .stride_w = 2, .pad_h = 1, .pad_w = 1},
    {.n = 1, .h = 10, .w = 7, .c = 16, .k = 16, .kh = 3, .kw = 3, .stride_h = 3, .stride_w = 2, .pad_h = 1, .pad_w = 0},
    {.n = 2,
     .h = 12,
     .w = 9,
     .c = 16,
     .k = 16,
     .kh = 3,
     .kw = 3,
     .pad_h = 2,
     .pad_w = 2,
     .dilation_h = 2,
     .dilation_w = 2},
    {.n = 2, .h = 9, .w = 8, .c = 5, .k = 6, .kh = 2, .kw = 4, .pad_h = 1, .pad_w = 3, .dilation_h = 3},
    {.n = 2, .h = 7, .w = 7, .c = 32, .k = 16, .kh = 1, .kw = 1},
    {.n = 2, .h = 8, .w = 6, .c = 64, .k = 128, .kh = 1, .kw = 1, .stride_h = 2, .stride_w = 2},
    {.n = 2, .h = 6, .w = 7, .c = 12, .k = 20, .kh = 3, .kw = 3, .pad_h = 1, .pad_w = 1, .groups = 4},
    {.n = 2,
     .h = 9,
     .w = 9,
     .c = 24,
     .k = 24,
     .kh = 3,
     .kw = 3,
     .stride_h = 2,
     .stride_w = 2,
     .pad_h = 1,
     .pad_w = 1,
     .groups = 24},
    {.n = 1, .h = 5, .w = 6, .c = 16, .k = 32, .kh = 5, .kw = 5, .pad_h = 2, .pad_w = 2, .groups = 16},
    {.n = 3,
     .h = 9,
     .w = 7,
     .c = 40,
     .k = 24,
     .kh = 3,
     .kw = 2,
     .stride_h = 2,
     .pad_h = 1,
     .pad_w = 1,
     .dilation_h = 2},
    {.n = 130,
     .h = 7,
     .w = 8,
     .c = 256,
     .k = 16,
     .kh = 3,
     .kw = 3,
     .stride_h = 2,
     .stride_w = 2,
     .pad_h = 1,
     .pad_w = 1},
    {.n = 3, .h = 7, .w = 5, .c = 272, .k = 24, .kh = 3, .kw = 2, .stride_h = 3, .stride_w = 2, .pad_h = 2, .pad_w = 1},
    {.n = 2, .h = 7, .w = 8, .c = 256, .k = 32, .kh = 1, .kw = 1, .stride_h = 2, .stride_w = 2},
    {.n = 1, .h = 1, .w = 33, .c = 13, .k = 17, .kh = 1, .kw = 5, .stride_w = 3, .pad_w = 4},
    {.n = 1, .h = 1, .w = 1, .c = 1, .k = 1, .kh = 3, .kw = 3, .pad_h = 1, .pad_w = 1},
    {.n = 1, .h = 3, .w = 3, .c = 16, .k = 16, .kh = 3, .kw = 3, .stride_h = 4, .stride_w = 4, .pad_h = 3, .pad_w = 3},
};

struct ThreadCount {
  int before = threads();
  explicit ThreadCount(int count) { set_threads(count); }
  ~ThreadCount() { set_threads(before); }
};

}  // namespace

TEST_CASE("the convolution loops in f64 compute the definition", "[kernels][conv]") {
  for (const auto& shapes : {kWinograd, kDirect})
    for (const Conv2dShape& s : shapes) {
      INFO(s);
      auto x = numbers(s.n * s.h * s.w * s.c, 1), weight = numbers(s.k * s.kh * s.kw * (s.c / s.groups), 3);
      auto bias = numbers(s.k, 4);
      Results<double> got = run<double>(s);
      double worst = 0;
      int64_t size = int64_t(got.y.size()), step = std::max<int64_t>(1, size / 500);
      for (int64_t at = 0; at < size; at += step) {
        int64_t o = at % s.k, j = at / s.k % s.out_w(), i = at / s.k / s.out_w() % s.out_h(),
                n = at / s.k / s.out_w() / s.out_h();
        worst =
            std::max(worst, std::abs(got.y[size_t(at)] - bias[size_t(o)] - by_definition(s, x, weight, n, i, j, o)));
      }
      CHECK(worst < 1e-11);
    }
}

TEST_CASE("convolutions in f64 are the adjoints of one another", "[kernels][conv]") {
  for (const Conv2dShape& s : kDirect) {
    INFO(s);
    Results<double> got = run<double>(s);
    auto x = numbers(s.n * s.h * s.w * s.c, 1), dy = numbers(int64_t(got.y.size()), 2);
    auto weight = numbers(int64_t(got.dweight.size()), 3), bias = numbers(s.k, 4);
    auto dot = [](const std::vector<double>& a, const std::vector<double>& b) {
      double sum = 0;
      for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
      return sum;
    };
    double output = dot(got.y, dy), from_bias = 0;
    for (size_t i = 0; i < dy.size(); ++i) from_bias += dy[i] * bias[i % bias.size()];
    CHECK(output == Approx(dot(got.dx, x) + from_bias).epsilon(1e-9).margin(1e-9));
    CHECK(output == Approx(dot(got.dweight, weight) + from_bias).epsilon(1e-9).margin(1e-9));
  }
}

TEST_CASE("Winograd convolutions agree with direct sums in f64", "[kernels][conv][winograd]") {
  for (const Conv2dShape& s : kWinograd) {
    INFO(s);
    REQUIRE(winograd::fits(s));
    Results<float> got = run<float>(s, Through::winograd);
    Results<double> want = run<double>(s);
    CHECK(error(got.y, want.y) < 1e-5);
    CHECK(error(got.dx, want.dx) < 1e-5);
    CHECK(error(got.dweight, want.dweight) < 2e-5);
  }
}

TEST_CASE("Winograd is chosen for large maps, not for tiny or few ones", "[kernels][conv][winograd]") {
  Conv2dShape s{.n = 64, .h = 4, .w = 4, .c = 64, .k = 64, .kh = 3, .kw = 3, .pad_h = 1, .pad_w = 1};
  CHECK(winograd::pays(s));
  s.h = s.w = 2;
  CHECK_FALSE(winograd::pays(s));
  s.h = s.w = 4, s.n = 8;
  CHECK_FALSE(winograd::pays(s));
  s.n = 64, s.stride_h = 2;
  CHECK_FALSE(winograd::fits(s));
}

TEST_CASE("convolutions in f32 agree with f64 whatever they run through", "[kernels][conv]") {
  for (const Conv2dShape& s : kWinograd) compare<float>(s, 1e-5, 2e-5);
}

TEST_CASE("direct f32 convolutions agree with f64", "[kernels][conv]") {
  for (const Conv2dShape& s : kDirect) compare<float>(s, 1e-6, 2e-6);
}

TEST_CASE("ConvExact turns Winograd off while it lives", "[kernels][conv][winograd]") {
  const Conv2dShape& s = kWinograd[6];
  Results<float> fast = run<float>(s);
  {
    ConvExact exact;
    CHECK(conv_exact());
    compare<float>(s, 1e-6, 2e-6);
  }
  CHECK_FALSE(conv_exact());
  CHECK(run<float>(s).y == fast.y);
}

TEST_CASE("bf16 convolutions agree with f64 on the same inputs", "[kernels][conv]") {
  for (const auto& shapes : {kWinograd, kDirect})
    for (const Conv2dShape& s : shapes) compare<bf16>(s, 4e-3, 1e-5);
}

TEST_CASE("a ReLU fused into a convolution has the bits of one behind it", "[kernels][conv]") {
  auto check = [](auto value, const Conv2dShape& s, Through through) {
    using T = decltype(value);
    INFO(s);
    auto want = run<T>(s, through).y;
    int negative = 0;
    for (T& v : want)
      if (v < T(0)) v = T(0), ++negative;
    CHECK((negative > 0 || want.size() < 8));
    CHECK(run<T>(s, through, Epilogue::relu).y == want);
  };
  for (const auto& shapes : {kWinograd, kDirect})
    for (const Conv2dShape& s : shapes) {
      check(float(), s, Through::entry);
      check(double(), s, Through::entry);
      check(bf16(), s, Through::entry);
    }
  for (const Conv2dShape& s : kWinograd) check(float(), s, Through::winograd);
  CHECK_THROWS_WITH(run<float>(kDirect[0], Through::entry, Epilogue::gelu), Catch::Contains("got gelu"));
}

TEST_CASE("Winograd convolutions have the same bits on one thread and on two", "[kernels][conv][winograd]") {
  for (const Conv2dShape& s : kWinograd) {
    INFO(s);
    Results<float> two;
    {
      ThreadCount count(2);
      two = run<float>(s, Through::winograd);
    }
    ThreadCount count(1);
    Results<float> one = run<float>(s, Through::winograd);
    CHECK(one.y == two.y);
    CHECK(one.dx == two.dx);
    CHECK(one.dweight == two.dweight);
  }
}

TEST_CASE("a convolution of no images has a gradient of zeros", "[kernels][conv]") {
  for (Conv2dShape s : {kWinograd[0], kDirect[0]}) {
    s.n = 0;
    Results<float> got = run<float>(s);
    CHECK(got.y.empty());
    CHECK(got.dweight == std::vector<float>(got.dweight.size(), 0.0f));
  }
}

TEST_CASE("repeated convolutions take no new scratch memory", "[kernels][conv]") {
  for (const Conv2dShape& s : kWinograd) run<float>(s);
  size_t held = scratch_held();
  for (const Conv2dShape& s : kWinograd) run<float>(s);
  CHECK(scratch_held() == held);
}

TEST_CASE("scratch memory nests and is reused", "[kernels][scratch]") {
  Scratch outer;
  float* a = outer.take<float>(1000);
  char* reused = nullptr;
  for (int i = 0; i < 3; ++i) {
    Scratch inner;
    char* b = inner.take<char>(5 << 20);
    CHECK(reinterpret_cast<uintptr_t>(b) % 4096 == 0);
    CHECK((!reused || b == reused));
    reused = b;
    a[0] = 1, b[0] = 2, b[(5 << 20) - 1] = 3;
    CHECK(a[0] == 1);
  }
}
