#pragma once

#include <cstdint>

#include <fovea/kernels/bf16.h>
#include <fovea/kernels/context.h>

// Pooling of images x [n, h, w, c] to y [n, out_h, out_w, c].
namespace fovea::kernels {

// Window o of an axis covers inputs [o stride - padding, o stride - padding + kernel), cut to the image. With a kernel
// of 0 it is the adaptive one: [floor(o size / out), ceil((o + 1) size / out)).
struct PoolAxis {
  int64_t kernel = 0, stride = 1, padding = 0;
};
struct Pool2dShape {
  int64_t n = 0, h = 0, w = 0, c = 0, out_h = 0, out_w = 0;
  PoolAxis rows = {}, cols = {};
  bool count_include_pad = true;  // average pooling divides by the window's size with its padding, else without
};

// y = the largest of the window, NaN above all; argmax = the first place in the window that holds it, counted row by
// row from the window's first input. Index is uint8_t, for kernels of up to 256 places, or int64_t. Every window must
// cover an input.                                                                        reads x, writes y and argmax
template <class T, class Index>
void max_pool2d(Cpu&, const Pool2dShape& shape, const T* x, T* y, Index* argmax);
template <class T, class Index>
void max_pool2d(Cuda&, const Pool2dShape& shape, const T* x, T* y, Index* argmax);

// dx = the sum of dy over the windows whose argmax the element was.            reads dy and argmax, writes dx
template <class T, class Index>
void max_pool2d_backward(Cpu&, const Pool2dShape& shape, const T* dy, const Index* argmax, T* dx);
template <class T, class Index>
void max_pool2d_backward(Cuda&, const Pool2dShape& shape, const T* dy, const Index* argmax, T* dx);

// y = the mean of the window; Out is T, or float for T = bf16.                  reads x, writes y
template <class T, class Out>
void avg_pool2d(Cpu&, const Pool2dShape& shape, const T* x, Out* y);
template <class T, class Out>
void avg_pool2d(Cuda&, const Pool2dShape& shape, const T* x, Out* y);

// dx = the sum of dy / size over the windows that cover the element.           reads dy, writes dx
template <class T, class Out>
void avg_pool2d_backward(Cpu&, const Pool2dShape& shape, const Out* dy, T* dx);
template <class T, class Out>
void avg_pool2d_backward(Cuda&, const Pool2dShape& shape, const Out* dy, T* dx);

}  // namespace fovea::kernels
