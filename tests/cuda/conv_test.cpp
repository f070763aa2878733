#include <fovea/kernels/conv.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include <fovea/core/ops/conv.h>
#include <fovea/core/random.h>
#include <fovea/core/tensor.h>
#include <fovea/kernels/precision.h>
#include <fovea/kernels/random.h>

#include "support/catch.h"
#include "support/conv_shape.h"
#include "support/op_cases.h"

using namespace fovea;
using namespace fovea::kernels;

namespace {

// Normal numbers, rounded to bf16 so that every type starts from the same values.
std::vector<float> numbers(int64_t n, uint64_t seed) {
  std::vector<float> values(static_cast<size_t>(n));
  fill_normal(cpu(), values.data(), n, 0, 1, {seed, 0});
  for (float& v : values) v = bf16(v);
  return values;
}

template <class T>
std::vector<double> as_doubles(const std::vector<T>& values) {
  return {values.begin(), values.end()};
}

// A tensor of the device, `offset` elements behind an aligned place. Elements start as NaN.
struct OnDevice {
  Tensor whole;
  int64_t offset, count;

  OnDevice(int64_t n, Dtype dtype, int64_t behind = 0)
      : whole(Tensor::full({n + behind}, NAN, dtype, Device::cuda())), offset(behind), count(n) {}
  OnDevice(const std::vector<float>& values, Dtype dtype, int64_t behind = 0)
      : offset(behind), count(int64_t(values.size())) {
    std::vector<float> shifted(size_t(count + behind), NAN);
    std::copy(values.begin(), values.end(), shifted.begin() + behind);
    whole = Tensor::from<float>({count + behind}, shifted).to(dtype).to(Device::cuda());
  }
  template <class T>
  T* data() {
    return whole.data<T>() + offset;
  }
  std::vector<double> values() {
    std::vector<double> all = whole.to(Device::cpu()).to_vector<double>();
    return {all.begin() + offset, all.end()};
  }
};

double error(const std::vector<double>& got, const std::vector<double>& want) {
  REQUIRE(got.size() == want.size());
  double difference = 0, size = 0;
  for (size_t i = 0; i < want.size(); ++i) {
    difference += std::pow(got[i] - want[i], 2);
    size += std::pow(want[i], 2);
  }
  return std::sqrt(difference / std::max(size, 1e-30));
}

struct Results {
  std::vector<double> y, dx, dweight;
};

Results on_cpu(const Conv2dShape& s) {
  int64_t x_size = s.n * s.h * s.w * s.c, y_size = s.n * s.out_h() * s.out_w() * s.k;
  int64_t w_size = s.k * s.kh * s.kw * (s.c / s.groups);
  auto x = as_doubles(numbers(x_size, 1)), dy = as_doubles(numbers(y_size, 2));
  auto weight = as_doubles(numbers(w_size, 3)), bias = as_doubles(numbers(s.k, 4));
  auto empty = [](int64_t n) { return std::vector<double>(size_t(n), NAN); };
  Results out{empty(y_size), empty(x_size), empty(w_size)};
  conv2d_forward(cpu(), s, x.data(), weight.data(), bias.data(), out.y.data());
  conv2d_backward_data(cpu(), s, dy.data(), weight.data(), out.dx.data());
  conv2d_backward_weights(cpu(), s, x.data(), dy.data(), out.dweight.data());
  return out;
}

// What the kernels are told of the device. Few multiprocessors ask for large tiles; Hopper has kernels of its own.
enum class Told { truth, one_multiprocessor, one_ampere_multiprocessor };
Cuda context(Told told) {
  Cuda ctx = cuda(0);
  if (told != Told::truth) ctx.multiprocessors = 1;
  if (told == Told::one_ampere_multiprocessor) ctx.capability = 80;
  return ctx;
}

template <class T>
Results on_device(const Conv2dShape& s, int64_t offset, Told told) {
  Dtype dtype = sizeof(T) == 2 ? Dtype::bf16 : Dtype::f32;
  int64_t x_size = s.n * s.h * s.w * s.c, y_size = s.n * s.out_h() * s.out_w() * s.k;
  int64_t w_size = s.k * s.kh * s.kw * (s.c / s.groups);
  OnDevice x(numbers(x_size, 1), dtype, offset), dy(numbers(y_size, 2), dtype, offset);
  OnDevice weight(numbers(w_size, 3), Dtype::f32, offset), bias(numbers(s.k, 4), Dtype::f32, offset);
  OnDevice y(y_size, dtype, offset), dx(x_size, dtype, offset);
  OnDevice dweight(w_size, Dtype::f32, offset);
  Cuda ctx = context(told);
  conv2d_forward<T>(ctx, s, x.data<T>(), weight.data<float>(), bias.data<float>(), y.data<T>());
  conv2d_backward_data<T>(ctx, s, dy.data<T>(), weight.data<float>(), dx.data<T>());
  conv2d_backward_weights<T>(ctx, s, x.data<T>(), dy.data<T>(), dweight.data<float>());
  return {y.values(), dx.values(), dweight.values()};
}

template <class T>
void compare(const Conv2dShape& s, int64_t offset = 0, double rounding = sizeof(T) == 2 ? 3e-3 : 1e-6,
             double weight_rounding = 2e-6) {
  INFO(s << (sizeof(T) == 2 ? ", bf16" : ", f32") << ", offset " << offset);
  const Results want = on_cpu(s);
  for (Told told : {Told::truth, Told::one_multiprocessor, Told::one_ampere_multiprocessor}) {
    if (told == Told::one_ampere_multiprocessor && sizeof(T) != 2) continue;  // float has the same kernels everywhere
    const Results got = on_device<T>(s, offset, told);
    CHECK(error(got.y, want.y) < rounding);
    CHECK(error(got.dx, want.dx) < rounding);
    CHECK(error(got.dweight, want.dweight) < weight_rounding);
  }
}

// A ReLU fused into the convolution has the bits of one behind it.
template <class T>
void compare_relu(const Conv2dShape& s) {
  INFO(s << (sizeof(T) == 2 ? ", bf16" : ", f32"));
  const Dtype dtype = sizeof(T) == 2 ? Dtype::bf16 : Dtype::f32;
  const int64_t y_size = s.n * s.out_h() * s.out_w() * s.k;
  OnDevice x(numbers(s.n * s.h * s.w * s.c, 1), dtype), bias(numbers(s.k, 4), Dtype::f32);
  OnDevice weight(numbers(s.k * s.kh * s.kw * (s.c / s.groups), 3), Dtype::f32);
  for (Told told : {Told::one_multiprocessor, Told::one_ampere_multiprocessor}) {
    Cuda ctx = context(told);
    OnDevice plain(y_size, dtype), fused(y_size, dtype);
    conv2d_forward<T>(ctx, s, x.data<T>(), weight.data<float>(), bias.data<float>(), plain.data<T>());
    conv2d_forward<T>(ctx, s, x.data<T>(), weight.data<float>(), bias.data<float>(), fused.data<T>(), Epilogue::relu);
    std::vector<double> want = plain.values();
    CHECK(*std::min_element(want.begin(), want.end()) < 0);
    for (double& v : want) v = std::max(v, 0.0);
    CHECK(fused.values() == want);
  }
}

// Sets float32_precision to tf32 as long as it lives.
struct Tf32 {
  Tf32() { set_float32_precision(Float32Precision::tf32); }
  ~Tf32() { set_float32_precision(Float32Precision::highest); }
};

// Channels that packs divide and that they do not, sizes around a tile's, more than one tile in every direction.
const std::vector<Conv2dShape> kShapes = {
    {.n = 2, .h = 9, .w = 7, .c = 16, .k = 24, .kh = 3, .kw = 3, .pad_h = 1, .pad_w = 1},
    {.n = 2, .h = 9, .w = 11, .c = 72, .k = 136, .kh = 3, .kw = 3, .pad_h = 1, .pad_w = 1},
    {.n = 1,
     .h = 13,
     .w = 11,
     .c = 40,
     .k = 56,
     .kh = 3,
     .kw = 3,
     .stride_h = 2,
     .stride_w = 2,
     .pad_h = 1,
     .pad_w = 1},
    {.n = 1, .h = 12, .w = 13, .c = 72, .k = 72, .kh = 1, .kw = 2, .stride_h = 3, .stride_w = 2, .pad_w = 1},
    {.n = 2, .h = 16, .w = 24, .c = 3, .k = 16, .kh = 8, .kw = 8, .stride_h = 8, .stride_w = 8},
    {.n = 1, .h = 6, .w = 7, .c = 8, .k = 8, .kh = 1, .kw = 1, .stride_h = 2, .stride_w = 2},
    {.n = 1,
     .h = 9,
     .w = 10,
     .c = 16,
     .k = 32,
     .kh = 3,
     .kw = 2,
     .stride_h = 1,
     .stride_w = 3,
     .pad_h = 2,
     .pad_w = 1,
     .dilation_h = 3,
     .dilation_w = 2},
    {.n = 1,
     .h = 11,
     .w = 12,
     .c = 5,
     .k = 7,
     .kh = 4,
     .kw = 3,
     .stride_h = 4,
     .stride_w = 2,
     .pad_h = 4,
     .pad_w = 0,
     .dilation_h = 2,
     .dilation_w = 2},
    {.n = 1, .h = 5, .w = 6, .c = 6, .k = 9, .kh = 3, .kw = 3, .pad_h = 1, .pad_w = 1, .groups = 3},
    {.n = 1, .h = 1, .w = 1, .c = 1, .k = 1, .kh = 3, .kw = 3, .pad_h = 1, .pad_w = 1},
};
const Conv2dShape kStem = {
    .n = 2, .h = 17, .w = 18, .c = 3, .k = 8, .kh = 7, .kw = 7, .stride_h = 2, .stride_w = 2, .pad_h = 3, .pad_w = 3};
const Conv2dShape kGroups = {
    .n = 2, .h = 5, .w = 6, .c = 32, .k = 48, .kh = 3, .kw = 3, .pad_h = 1, .pad_w = 1, .groups = 2};
const std::vector<Conv2dShape> kDepthwise = {
    {.n = 2, .h = 9, .w = 10, .c = 16, .k = 16, .kh = 3, .kw = 3, .pad_h = 1, .pad_w = 1, .groups = 16},
    {.n = 1,
     .h = 9,
     .w = 7,
     .c = 24,
     .k = 24,
     .kh = 3,
     .kw = 3,
     .stride_h = 2,
     .stride_w = 2,
     .pad_h = 1,
     .pad_w = 1,
     .groups = 24},
    {.n = 1, .h = 8, .w = 9, .c = 8, .k = 8, .kh = 7, .kw = 7, .pad_h = 3, .pad_w = 3, .groups = 8},
    {.n = 1,
     .h = 8,
     .w = 6,
     .c = 8,
     .k = 8,
     .kh = 5,
     .kw = 5,
     .stride_h = 2,
     .stride_w = 2,
     .pad_h = 0,
     .pad_w = 2,
     .groups = 8},
    {.n = 1,
     .h = 8,
     .w = 9,
     .c = 8,
     .k = 8,
     .kh = 2,
     .kw = 4,
     .stride_h = 3,
     .stride_w = 1,
     .pad_h = 1,
     .pad_w = 0,
     .dilation_w = 2,
     .groups = 8},
    {.n = 2, .h = 6, .w = 5, .c = 7, .k = 7, .kh = 3, .kw = 3, .pad_h = 1, .pad_w = 1, .groups = 7},
};

}  // namespace

TEST_CASE("stems and groups on the device agree with the CPU's loops in f64", "[cuda][conv]") {
  for (const Conv2dShape& s : {kStem, kGroups}) {
    compare<float>(s);
    compare<bf16>(s);
  }
}

TEST_CASE("convolutions on the device agree with the CPU's loops in f64", "[cuda][conv]") {
  for (const Conv2dShape& s : kShapes) {
    compare<float>(s);
    compare<bf16>(s);
  }
}

TEST_CASE("depthwise convolutions on the device agree with the CPU's loops in f64", "[cuda][conv]") {
  for (const Conv2dShape& s : kDepthwise) {
    compare<float>(s);
    compare<bf16>(s);
  }
}

TEST_CASE("convolutions take images that are not aligned", "[cuda][conv]") {
  for (const Conv2dShape& s : {kShapes[0], kStem, kGroups, kDepthwise[0]}) {
    compare<float>(s, 1);
    compare<bf16>(s, 1);
  }
}

TEST_CASE("a ReLU fused into a convolution on the device has the bits of one behind it", "[cuda][conv]") {
  const Conv2dShape product{.n = 2, .h = 3, .w = 5, .c = 16, .k = 24};
  for (const Conv2dShape& s : {kShapes[0], kShapes[1], kStem, kGroups, kDepthwise[0], kDepthwise[4], product}) {
    compare_relu<float>(s);
    compare_relu<bf16>(s);
  }
  Tf32 tf32;
  compare_relu<float>(kShapes[0]);
  CHECK_THROWS_WITH(conv2d_forward<float>(cuda(0), product, nullptr, nullptr, nullptr, nullptr, Epilogue::gelu),
                    Catch::Contains("got gelu"));
}

TEST_CASE("convolutions in tf32 round operands and sum in f32", "[cuda][conv]") {
  Tf32 tf32;
  for (const Conv2dShape& s : kShapes) compare<float>(s);  // numbers of 8 bits lose nothing
  compare<float>(kShapes[0], 1);

  Generator generator(5);
  Tensor x = uniform({2, 6, 7, 16}, -1, 1, generator), weight = uniform({24, 3, 3, 16}, -1, 1, generator);
  Tensor want = conv2d(x.to(Dtype::f64), weight.to(Dtype::f64), {}, {.padding = 1});
  Tensor got = conv2d(x.to(Device::cuda()), weight.to(Device::cuda()), {}, {.padding = 1});
  double rounding = testing::relative_error(got.to(Device::cpu()), want);
  CHECK(rounding > 1e-6);
  CHECK(rounding < 1e-3);
}

TEST_CASE("a 1x1 convolution on the device is a matrix product", "[cuda][conv]") {
  compare<float>({.n = 2, .h = 3, .w = 5, .c = 17, .k = 9});
  compare<bf16>({.n = 2, .h = 3, .w = 5, .c = 16, .k = 24});
}
