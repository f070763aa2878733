#include <fovea/kernels/conv.h>

#include <cmath>
#include <type_traits>
#include <vector>

#include <fovea/kernels/conv/conv_winograd.h>
#include <fovea/kernels/scratch.h>

#include "support/catch.h"
#include "support/conv_case.h"

using namespace fovea;
using namespace fovea::kernels;
using namespace fovea::testing;

namespace {

// How the three passes are computed: by whatever the entry points choose, or by Winograd wherever it fits.
enum class Through { entry, winograd };

template <class T>
ConvResults<T> run(const Conv2dShape& s, Through through = Through::entry, Epilogue epilogue = Epilogue::none) {
  if constexpr (std::is_same_v<T, float>)
    if (through == Through::winograd) {
      const ConvInputs<T> in(s);
      ConvResults<T> out(in);
      winograd::forward(s, in.x.data(), in.weight.data(), in.bias.data(), epilogue, out.y.data());
      winograd::backward_data(s, in.dy.data(), in.weight.data(), out.dx.data());
      winograd::backward_weights(s, in.x.data(), in.dy.data(), out.dweight.data());
      return out;
    }
  return convolved<T>(s, epilogue);
}

template <class T>
void compare(const Conv2dShape& s, double tolerance, double weight_tolerance) {
  INFO(s);
  ConvResults<T> got = run<T>(s);
  ConvResults<double> want = run<double>(s);
  CHECK(mean_difference(got.y, want.y) < tolerance);
  CHECK(mean_difference(got.dx, want.dx) < tolerance);
  CHECK(mean_difference(got.dweight, want.dweight) < weight_tolerance);
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
// has. Rows as in conv_case.h.
const std::vector<Conv2dShape> kWinograd = {
    {2, 8, 8, 16, 16, 3, 3, 1, 1, 1, 1},
    {1, 1, 1, 16, 48, 3, 3, 1, 1, 1, 1},
    {1, 3, 3, 32, 16, 3, 3},
    {3, 5, 13, 48, 32, 3, 3, 1, 1, 1, 1},
    {2, 9, 6, 80, 112, 3, 3, 1, 1, 0, 1},
    {2, 4, 7, 16, 64, 3, 3, 1, 1, 2, 0},
    {19, 31, 10, 64, 64, 3, 3, 1, 1, 1, 1},
    {11, 14, 15, 128, 96, 3, 3, 1, 1, 1, 1},
    {5, 4, 4, 272, 528, 3, 3, 1, 1, 1, 1},
};

// Everything else.
const std::vector<Conv2dShape> kDirect = [] {
  std::vector<Conv2dShape> shapes = kConvs;
  for (const Conv2dShape& large : std::vector<Conv2dShape>{{2, 8, 6, 64, 128, 1, 1, 2, 2},
                                                           {2, 7, 8, 256, 32, 1, 1, 2, 2},
                                                           {3, 7, 5, 272, 24, 3, 2, 3, 2, 2, 1},
                                                           {130, 7, 8, 256, 16, 3, 3, 2, 2, 1, 1}})
    shapes.push_back(large);
  return shapes;
}();

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
      const ConvInputs<double> in(s);
      ConvResults<double> got = run<double>(s);
      double worst = 0;
      int64_t size = int64_t(got.y.size()), step = std::max<int64_t>(1, size / 500);
      for (int64_t at = 0; at < size; at += step) {
        int64_t o = at % s.k, j = at / s.k % s.out_w(), i = at / s.k / s.out_w() % s.out_h(),
                n = at / s.k / s.out_w() / s.out_h();
        worst = std::max(
            worst, std::abs(got.y[size_t(at)] - in.bias[size_t(o)] - by_definition(s, in.x, in.weight, n, i, j, o)));
      }
      CHECK(worst < 1e-11);
    }
}

TEST_CASE("convolutions in f64 are the adjoints of one another", "[kernels][conv]") {
  for (const Conv2dShape& s : kDirect) {
    INFO(s);
    ConvResults<double> got = run<double>(s);
    const ConvInputs<double> in(s);
    auto dot = [](const std::vector<double>& a, const std::vector<double>& b) {
      double sum = 0;
      for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
      return sum;
    };
    double output = dot(got.y, in.dy), from_bias = 0;
    for (size_t i = 0; i < in.dy.size(); ++i) from_bias += in.dy[i] * in.bias[i % in.bias.size()];
    CHECK(output == Approx(dot(got.dx, in.x) + from_bias).epsilon(1e-9).margin(1e-9));
    CHECK(output == Approx(dot(got.dweight, in.weight) + from_bias).epsilon(1e-9).margin(1e-9));
  }
}

TEST_CASE("Winograd convolutions agree with direct sums in f64", "[kernels][conv][winograd]") {
  for (const Conv2dShape& s : kWinograd) {
    INFO(s);
    REQUIRE(winograd::fits(s));
    ConvResults<float> got = run<float>(s, Through::winograd);
    ConvResults<double> want = run<double>(s);
    CHECK(mean_difference(got.y, want.y) < 1e-5);
    CHECK(mean_difference(got.dx, want.dx) < 1e-5);
    CHECK(mean_difference(got.dweight, want.dweight) < 2e-5);
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
  ConvResults<float> fast = run<float>(s);
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
    auto on_threads = [&](int count) {
      ThreadCount threads(count);
      return run<float>(s, Through::winograd);
    };
    const ConvResults<float> one = on_threads(1), two = on_threads(2);
    CHECK(one.y == two.y);
    CHECK(one.dx == two.dx);
    CHECK(one.dweight == two.dweight);
  }
}

TEST_CASE("a convolution of no images has a gradient of zeros", "[kernels][conv]") {
  for (Conv2dShape s : {kWinograd[0], kDirect[0]}) {
    s.n = 0;
    ConvResults<float> got = run<float>(s);
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
