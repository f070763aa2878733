#pragma once

#include <cstdint>

#include <fovea/kernels/bf16.h>
#include <fovea/kernels/context.h>
#include <fovea/kernels/matmul.h>

namespace fovea::kernels {

// The sizes of a two-dimensional convolution: x [n, h, w, c], weight [k, kh, kw, c / groups], y [n, out_h, out_w, k].
struct Conv2dShape {
  int64_t n = 1, h = 1, w = 1, c = 1;  // input: images, height, width, channels
  int64_t k = 1, kh = 1, kw = 1;       // output channels; kernel
  int64_t stride_h = 1, stride_w = 1, pad_h = 0, pad_w = 0, dilation_h = 1, dilation_w = 1;
  int64_t groups = 1;  // divides c and k

  int64_t out_h() const { return (h + 2 * pad_h - dilation_h * (kh - 1) - 1) / stride_h + 1; }
  int64_t out_w() const { return (w + 2 * pad_w - dilation_w * (kw - 1) - 1) / stride_w + 1; }
  bool operator==(const Conv2dShape&) const = default;
};

// y[n, i, j, o] = epilogue(bias[o] + sum over r, s, c of x[n, i stride - pad + r dilation, j stride - pad + s dilation,
// c] * weight[o, r, s, c]), with zeros outside of x and, for groups > 1, c running over o's group. bias may be null.
// The epilogue is none or relu, whose way back is epilogue_backward (matmul.h); gelu is a std::runtime_error. Weights,
// bias and their gradients are float for bf16 activations.                             reads x, weight; writes y
//
// On the CPU, float convolutions of 3x3, stride 1 and multiples of 16 channels run as Winograd F(4x4, 3x3) where that
// is faster, unless ConvExact says otherwise: a relative error (L2) of 2e-6 to 5e-6 where direct sums have 1e-6. Others
// run as products of gathered blocks or through oneDNN's direct kernels, whichever is faster; f64, and groups without
// oneDNN, run through plain loops. The same number of threads gives the same bits.
//
// On CUDA all are direct sums in f32, of float operands as they are or rounded to tf32 (precision.h), in an order that
// depends on the sizes and the device alone. Images and the weight have fewer than 2^30 elements each, the batch fewer
// than 2^30 pixels: else std::runtime_error.
template <class T>
void conv2d_forward(Cpu&, const Conv2dShape& shape, const T* x, const accumulator_t<T>* weight,
                    const accumulator_t<T>* bias, T* y, Epilogue epilogue = Epilogue::none);
template <class T>
void conv2d_forward(Cuda&, const Conv2dShape& shape, const T* x, const accumulator_t<T>* weight,
                    const accumulator_t<T>* bias, T* y, Epilogue epilogue = Epilogue::none);

// dx = the gradient of x: every element of dx is written.                         reads dy, weight; writes dx
template <class T>
void conv2d_backward_data(Cpu&, const Conv2dShape& shape, const T* dy, const accumulator_t<T>* weight, T* dx);
template <class T>
void conv2d_backward_data(Cuda&, const Conv2dShape& shape, const T* dy, const accumulator_t<T>* weight, T* dx);

// The bias' gradient is epilogue_backward's (matmul.h).                           reads x, dy; writes dweight
template <class T>
void conv2d_backward_weights(Cpu&, const Conv2dShape& shape, const T* x, const T* dy, accumulator_t<T>* dweight);
template <class T>
void conv2d_backward_weights(Cuda&, const Conv2dShape& shape, const T* x, const T* dy, accumulator_t<T>* dweight);

// While one of these is alive, convolutions of this process are summed directly: no Winograd.
class ConvExact {
 public:
  ConvExact();
  ~ConvExact();
  ConvExact(const ConvExact&) = delete;
  ConvExact& operator=(const ConvExact&) = delete;
};
bool conv_exact();

}  // namespace fovea::kernels
