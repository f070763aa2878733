// Convolutions on CUDA: which of the kernels does the work.
//
//   1x1, stride 1, no padding, no groups   kernels::matmul: an NHWC image is a matrix of pixels
//   one channel in and out for each group  conv_depthwise.cu
//   everything else                        conv_data.cu and conv_weights.cu: implicit matrix products
//
// Weights are float beside bf16 images; they are rounded to bf16 in scratch, once a call.
#include <limits>
#include <stdexcept>

#include <fovea/kernels/copy.h>
#include <fovea/kernels/device_scratch.h>
#include <fovea/kernels/matmul.h>
#include <fovea/kernels/precision.h>
#include <fovea/kernels/conv/conv_cuda.cuh>

namespace fovea::kernels {
namespace {

using conv::Math;

bool is_product(const Conv2dShape& s) {
  return s.kh == 1 && s.kw == 1 && s.stride_h == 1 && s.stride_w == 1 && s.pad_h == 0 && s.pad_w == 0 && s.groups == 1;
}
bool is_depthwise(const Conv2dShape& s) {
  return s.groups == s.c && s.groups == s.k;
}

int64_t points(const Conv2dShape& s) {
  return s.n * s.out_h() * s.out_w();
}

// Positions inside an image, and points of the batch, are counted in 32 bits.
void check_sizes(const Conv2dShape& s) {
  constexpr int64_t kMost = std::numeric_limits<int>::max() / 2;
  if (s.h * s.w * s.c > kMost || s.out_h() * s.out_w() * s.k > kMost || points(s) > kMost || s.n * s.h * s.w > kMost ||
      s.k * s.kh * s.kw * (s.c / s.groups) > kMost)
    throw std::runtime_error(
        "conv2d: want fewer than 2^30 elements in an image and in the weight and fewer than 2^30 pixels in a batch");
}

// Of float images; bf16 has no choice.
Math math() {
  return float32_precision() == Float32Precision::tf32 ? Math::tf32 : Math::f32;
}

// The weight in the type of the images.
template <class T>
const T* weight_as(Cuda& ctx, DeviceScratch& scratch, const Conv2dShape& s, const float* weight) {
  if constexpr (sizeof(T) == 4) {
    return weight;
  } else {
    const int64_t count = s.k * s.kh * s.kw * (s.c / s.groups);
    T* rounded = scratch.take<T>(size_t(count));
    cast(ctx, weight, rounded, count);
    return rounded;
  }
}

}  // namespace

template <class T>
void conv2d_forward(Cuda& ctx, const Conv2dShape& s, const T* x, const accumulator_t<T>* weight,
                    const accumulator_t<T>* bias, T* y, Epilogue epilogue) {
  if (epilogue == Epilogue::gelu)
    throw std::runtime_error("conv2d: want relu or nothing behind a convolution, got gelu");
  if (points(s) == 0) return;
  check_sizes(s);
  if (is_depthwise(s)) return conv::depthwise_forward(ctx, s, x, weight, bias, epilogue, y);
  if (!is_product(s)) return conv::gather_forward(ctx, s, math(), x, weight, bias, epilogue, y);
  DeviceScratch scratch(ctx);
  matmul(ctx, MatmulSizes{.m = points(s), .n = s.k, .k = s.c, .transpose_b = true}, x,
         weight_as<T>(ctx, scratch, s, weight), y, MatmulOutput<T>{.bias = bias, .epilogue = epilogue});
}

template <class T>
void conv2d_backward_data(Cuda& ctx, const Conv2dShape& s, const T* dy, const accumulator_t<T>* weight, T* dx) {
  if (s.n * s.h * s.w == 0) return;
  check_sizes(s);
  if (is_depthwise(s)) return conv::depthwise_backward_data(ctx, s, dy, weight, dx);
  if (!is_product(s)) return conv::gather_backward_data(ctx, s, math(), dy, weight, dx);
  DeviceScratch scratch(ctx);
  matmul(ctx, MatmulSizes{.m = points(s), .n = s.c, .k = s.k}, dy, weight_as<T>(ctx, scratch, s, weight), dx);
}

template <class T>
void conv2d_backward_weights(Cuda& ctx, const Conv2dShape& s, const T* x, const T* dy, accumulator_t<T>* dweight) {
  if (points(s) == 0) return fill(ctx, dweight, s.k * s.kh * s.kw * (s.c / s.groups), accumulator_t<T>(0));
  check_sizes(s);
  if (is_depthwise(s)) return conv::depthwise_backward_weights(ctx, s, x, dy, dweight);
  if (!is_product(s)) return conv::gather_backward_weights(ctx, s, math(), x, dy, dweight);
  matmul(ctx, MatmulSizes{.m = s.k, .n = s.c, .k = points(s), .transpose_a = true}, dy, x, dweight);
}

#define FOVEA_INSTANTIATE(T)                                                                                   \
  template void conv2d_forward(Cuda&, const Conv2dShape&, const T*, const float*, const float*, T*, Epilogue); \
  template void conv2d_backward_data(Cuda&, const Conv2dShape&, const T*, const float*, T*);                   \
  template void conv2d_backward_weights(Cuda&, const Conv2dShape&, const T*, const T*, float*)
FOVEA_INSTANTIATE(float);
FOVEA_INSTANTIATE(bf16);

}  // namespace fovea::kernels
