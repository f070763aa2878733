#include <fovea/kernels/conv.h>

#include <algorithm>

#include <fovea/core/ops/conv.h>
#include <fovea/core/random.h>
#include <fovea/kernels/precision.h>

#include "support/catch.h"
#include "support/conv_case.h"
#include "support/on_device.h"
#include "support/op_rows.h"

using namespace fovea;
using namespace fovea::kernels;
using namespace fovea::testing;

namespace {

// What the kernels are told of the device. Few multiprocessors ask for large tiles; Hopper has kernels of its own.
enum class Told { truth, one_multiprocessor, one_ampere_multiprocessor };
Cuda context(Told told) {
  Cuda ctx = cuda(0);
  if (told != Told::truth) ctx.multiprocessors = 1;
  if (told == Told::one_ampere_multiprocessor) ctx.capability = 80;
  return ctx;
}

template <class T>
ConvResults<T> on_device(const Conv2dShape& s, int64_t offset, Told told) {
  const ConvInputs<T> in(s);
  ConvResults<T> out(in);
  OnDevice<T> x(in.x, offset), dy(in.dy, offset), y(out.y, offset), dx(out.dx, offset);
  OnDevice<float> weight(in.weight, offset), bias(in.bias, offset), dweight(out.dweight, offset);
  Cuda ctx = context(told);
  conv2d_forward<T>(ctx, s, x.data(), weight.data(), bias.data(), y.data());
  conv2d_backward_data<T>(ctx, s, dy.data(), weight.data(), dx.data());
  conv2d_backward_weights<T>(ctx, s, x.data(), dy.data(), dweight.data());
  out.y = y.host(), out.dx = dx.host(), out.dweight = dweight.host();
  return out;
}

template <class T>
void compare(const Conv2dShape& s, int64_t offset = 0) {
  INFO(s << (sizeof(T) == 2 ? ", bf16" : ", f32") << ", offset " << offset);
  const double rounding = sizeof(T) == 2 ? 3e-3 : 1e-6;
  const ConvResults<double> want = convolved<double>(s);
  for (Told told : {Told::truth, Told::one_multiprocessor, Told::one_ampere_multiprocessor}) {
    if (told == Told::one_ampere_multiprocessor && sizeof(T) != 2) continue;  // float has the same kernels everywhere
    const ConvResults<T> got = on_device<T>(s, offset, told);
    CHECK(mean_difference(got.y, want.y) < rounding);
    CHECK(mean_difference(got.dx, want.dx) < rounding);
    CHECK(mean_difference(got.dweight, want.dweight) < 2e-6);
  }
}

// A ReLU fused into the convolution has the bits of one behind it.
template <class T>
void compare_relu(const Conv2dShape& s) {
  INFO(s << (sizeof(T) == 2 ? ", bf16" : ", f32"));
  const ConvInputs<T> in(s);
  OnDevice<T> x(in.x);
  OnDevice<float> weight(in.weight), bias(in.bias);
  for (Told told : {Told::one_multiprocessor, Told::one_ampere_multiprocessor}) {
    Cuda ctx = context(told);
    const ConvResults<T> unset(in);
    OnDevice<T> plain(unset.y), fused(unset.y);
    conv2d_forward<T>(ctx, s, x.data(), weight.data(), bias.data(), plain.data());
    conv2d_forward<T>(ctx, s, x.data(), weight.data(), bias.data(), fused.data(), Epilogue::relu);
    std::vector<double> want = widened(plain.host());
    CHECK(*std::min_element(want.begin(), want.end()) < 0);
    for (double& v : want) v = std::max(v, 0.0);
    CHECK(widened(fused.host()) == want);
  }
}

// Sets float32_precision to tf32 as long as it lives.
struct Tf32 {
  Tf32() { set_float32_precision(Float32Precision::tf32); }
  ~Tf32() { set_float32_precision(Float32Precision::highest); }
};

}  // namespace

TEST_CASE("convolutions on the device agree with the CPU's loops in f64", "[cuda][conv]") {
  for (const Conv2dShape& s : kConvs) {
    compare<float>(s);
    compare<bf16>(s);
  }
}

TEST_CASE("convolutions take images that are not aligned", "[cuda][conv]") {
  for (const Conv2dShape& s : {kPlainConv, kStemConv, kGroupsConv, kStripsConv}) {
    compare<float>(s, 1);
    compare<bf16>(s, 1);
  }
}

TEST_CASE("a ReLU fused into a convolution on the device has the bits of one behind it", "[cuda][conv]") {
  for (const Conv2dShape& s :
       {kPlainConv, kManyTilesConv, kStemConv, kGroupsConv, kStripsConv, kLooseDepthwiseConv, kProductConv}) {
    compare_relu<float>(s);
    compare_relu<bf16>(s);
  }
  Tf32 tf32;
  compare_relu<float>(kPlainConv);
  CHECK_THROWS_WITH(conv2d_forward<float>(cuda(0), kProductConv, nullptr, nullptr, nullptr, nullptr, Epilogue::gelu),
                    Catch::Contains("got gelu"));
}

TEST_CASE("convolutions in tf32 round operands and sum in f32", "[cuda][conv]") {
  Tf32 tf32;
  for (const Conv2dShape& s : kConvs)
    if (s.groups == 1) compare<float>(s);  // numbers of 8 bits lose nothing
  compare<float>(kPlainConv, 1);

  Generator generator(5);
  Tensor x = uniform({2, 6, 7, 16}, -1, 1, generator), weight = uniform({24, 3, 3, 16}, -1, 1, generator);
  Tensor want = conv2d(x.to(Dtype::f64), weight.to(Dtype::f64), {}, {.padding = 1});
  Tensor got = conv2d(x.to(Device::cuda()), weight.to(Device::cuda()), {}, {.padding = 1});
  double rounding = relative_error(got.to(Device::cpu()), want);
  CHECK(rounding > 1e-6);
  CHECK(rounding < 1e-3);
}
