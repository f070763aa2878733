#include <fovea/kernels/vendor/cudnn.h>

#include <fovea/core/random.h>
#include <fovea/core/tensor.h>

#include "support/catch.h"
#include "support/op_rows.h"

using namespace fovea;
using namespace fovea::kernels;

namespace {

template <class T>
void compare(const Conv2dShape& s, Dtype dtype, double tolerance) {
  INFO(name_of(dtype));
  auto values = [](Shape shape, Dtype type) {
    return uniform(shape, -1, 1).to(Dtype::bf16).to(type).to(Device::cuda());
  };
  auto empty = [](Shape shape, Dtype type) { return Tensor::empty(shape, type, Device::cuda()); };
  const Shape image{s.n, s.h, s.w, s.c}, result{s.n, s.out_h(), s.out_w(), s.k};
  const Shape kernel{s.k, s.kh, s.kw, s.c / s.groups}, channels{s.k};
  Tensor x = values(image, dtype), dy = values(result, dtype);
  Tensor weight = values(kernel, Dtype::f32), bias = values(channels, Dtype::f32);
  std::vector<Tensor> own{empty(result, dtype), empty(image, dtype), empty(kernel, Dtype::f32)};
  std::vector<Tensor> theirs{own[0].clone(), own[1].clone(), own[2].clone()};
  Cuda& ctx = cuda(0);
  conv2d_forward<T>(ctx, s, x.data<T>(), weight.data<float>(), bias.data<float>(), own[0].data<T>());
  conv2d_backward_data<T>(ctx, s, dy.data<T>(), weight.data<float>(), own[1].data<T>());
  conv2d_backward_weights<T>(ctx, s, x.data<T>(), dy.data<T>(), own[2].data<float>());
  vendor::conv2d_forward<T>(ctx, s, x.data<T>(), weight.data<float>(), bias.data<float>(), theirs[0].data<T>());
  vendor::conv2d_backward_data<T>(ctx, s, dy.data<T>(), weight.data<float>(), theirs[1].data<T>());
  vendor::conv2d_backward_weights<T>(ctx, s, x.data<T>(), dy.data<T>(), theirs[2].data<float>());
  for (size_t i = 0; i < own.size(); ++i)
    CHECK(testing::relative_error(own[i].to(Device::cpu()), theirs[i].to(Device::cpu())) < tolerance);
}

}  // namespace

TEST_CASE("convolutions agree with cuDNN's, or cuDNN says why it is not there", "[cuda][conv][vendor]") {
  const Conv2dShape s{
      .n = 2, .h = 9, .w = 7, .c = 16, .k = 24, .kh = 3, .kw = 3, .stride_h = 2, .stride_w = 2, .pad_h = 1, .pad_w = 1};
  if (!vendor::cudnn_missing().empty()) {
    WARN(vendor::cudnn_missing());
    CHECK_THROWS_WITH(vendor::conv2d_backward_data<float>(cuda(0), s, nullptr, nullptr, nullptr),
                      vendor::cudnn_missing());
    return;
  }
  compare<float>(s, Dtype::f32, 1e-5);
  compare<bf16>(s, Dtype::bf16, 0.02);
}
