#pragma once

#include <cmath>
#include <ostream>
#include <vector>

#include <fovea/kernels/conv.h>

#include "support/numbers.h"

namespace fovea::kernels {
// What a failing test says of a convolution.
inline std::ostream& operator<<(std::ostream& out, const Conv2dShape& s) {
  return out << s.n << "x" << s.h << "x" << s.w << "x" << s.c << " -> " << s.k << ", kernel " << s.kh << "x" << s.kw
             << ", stride " << s.stride_h << "x" << s.stride_w << ", padding " << s.pad_h << "x" << s.pad_w
             << ", dilation " << s.dilation_h << "x" << s.dilation_w << ", groups " << s.groups;
}
}  // namespace fovea::kernels

namespace fovea::testing {

// Convolutions for either device, small enough for an emulated one: channels that packs divide and that they do not,
// sizes around a tile's, more than one tile in every direction.
// Rows: n, h, w, c, k; kernel; stride; padding; dilation; groups.
inline const kernels::Conv2dShape kPlainConv{2, 9, 7, 16, 24, 3, 3, 1, 1, 1, 1};
inline const kernels::Conv2dShape kManyTilesConv{2, 9, 11, 72, 136, 3, 3, 1, 1, 1, 1};
inline const kernels::Conv2dShape kStemConv{2, 17, 18, 3, 8, 7, 7, 2, 2, 3, 3};
inline const kernels::Conv2dShape kGroupsConv{2, 5, 6, 32, 48, 3, 3, 1, 1, 1, 1, 1, 1, 2};
inline const kernels::Conv2dShape kStripsConv{2, 9, 10, 16, 16, 3, 3, 1, 1, 1, 1, 1, 1, 16};
inline const kernels::Conv2dShape kLooseDepthwiseConv{1, 8, 9, 8, 8, 2, 4, 3, 1, 1, 0, 1, 2, 8};
inline const kernels::Conv2dShape kProductConv{2, 3, 5, 16, 24};
inline const std::vector<kernels::Conv2dShape> kConvs{
    kPlainConv,
    kManyTilesConv,
    kStemConv,
    kGroupsConv,
    kProductConv,
    {2, 3, 5, 17, 9},
    {2, 9, 11, 3, 7, 3, 3, 1, 1, 1, 1},
    {1, 13, 11, 40, 56, 3, 3, 2, 2, 1, 1},
    {1, 10, 7, 16, 16, 3, 3, 3, 2, 1, 0},
    {2, 12, 9, 16, 16, 3, 3, 1, 1, 2, 2, 2, 2},
    {1, 12, 13, 72, 72, 1, 2, 3, 2, 0, 1},
    {2, 16, 24, 3, 16, 8, 8, 8, 8},
    {1, 6, 7, 8, 8, 1, 1, 2, 2},
    {16, 8, 8, 4, 8, 1, 1, 2, 2},
    {1, 9, 10, 16, 32, 3, 2, 1, 3, 2, 1, 3, 2},
    {1, 11, 12, 5, 7, 4, 3, 4, 2, 4, 0, 2, 2},
    {2, 9, 8, 5, 6, 2, 4, 1, 1, 1, 3, 3, 1},
    {1, 1, 33, 13, 17, 1, 5, 1, 3, 0, 4},
    {1, 3, 3, 16, 16, 3, 3, 4, 4, 3, 3},
    {1, 1, 1, 1, 1, 3, 3, 1, 1, 1, 1},
    {2, 6, 7, 12, 20, 3, 3, 1, 1, 1, 1, 1, 1, 4},
    {1, 5, 6, 16, 32, 5, 5, 1, 1, 2, 2, 1, 1, 16},
    kStripsConv,
    kLooseDepthwiseConv,
    {1, 9, 7, 24, 24, 3, 3, 2, 2, 1, 1, 1, 1, 24},
    {1, 8, 9, 8, 8, 7, 7, 1, 1, 3, 3, 1, 1, 8},
    {1, 8, 6, 8, 8, 5, 5, 2, 2, 0, 2, 1, 1, 8},
    {2, 6, 5, 7, 7, 3, 3, 1, 1, 1, 1, 1, 1, 7},
};

// Inputs of the three passes, the same every time, in numbers that are exact in every type.
template <class T>
struct ConvInputs {
  using A = kernels::accumulator_t<T>;
  std::vector<T> x, dy;
  std::vector<A> weight, bias;

  explicit ConvInputs(const kernels::Conv2dShape& s)
      : x(as<T>(numbers<bf16>(s.n * s.h * s.w * s.c, 1))),
        dy(as<T>(numbers<bf16>(s.n * s.out_h() * s.out_w() * s.k, 2))),
        weight(as<A>(numbers<bf16>(s.k * s.kh * s.kw * (s.c / s.groups), 3))),
        bias(as<A>(numbers<bf16>(s.k, 4))) {}
};

// Their results. They start as NaN: what a kernel forgets to write is noticed.
template <class T>
struct ConvResults {
  std::vector<T> y, dx;
  std::vector<kernels::accumulator_t<T>> dweight;

  explicit ConvResults(const ConvInputs<T>& in)
      : y(in.dy.size(), T(NAN)), dx(in.x.size(), T(NAN)), dweight(in.weight.size(), NAN) {}
};

// All three passes on the CPU.
template <class T>
ConvResults<T> convolved(const kernels::Conv2dShape& s, kernels::Epilogue epilogue = kernels::Epilogue::none) {
  const ConvInputs<T> in(s);
  ConvResults<T> out(in);
  conv2d_forward(kernels::cpu(), s, in.x.data(), in.weight.data(), in.bias.data(), out.y.data(), epilogue);
  conv2d_backward_data(kernels::cpu(), s, in.dy.data(), in.weight.data(), out.dx.data());
  conv2d_backward_weights(kernels::cpu(), s, in.x.data(), in.dy.data(), out.dweight.data());
  return out;
}

}  // namespace fovea::testing
