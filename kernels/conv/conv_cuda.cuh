#pragma once

// Private to kernels/conv_*.cu: the passes behind conv.cu's entries. T float or bf16.
#include <fovea/kernels/conv/conv_gather.cuh>
#include <fovea/kernels/conv/conv_tile.cuh>

namespace fovea::kernels::conv {

inline Line line_h(const Conv2dShape& s) {
  return {int(s.h), int(s.out_h()), int(s.kh), int(s.stride_h), int(s.pad_h), int(s.dilation_h)};
}
inline Line line_w(const Conv2dShape& s) {
  return {int(s.w), int(s.out_w()), int(s.kw), int(s.stride_w), int(s.pad_w), int(s.dilation_w)};
}

// The taps of one row of the kernel as runs of neighbouring elements of x: one for all of them where they are
// neighbours, else one for each. The weight's copies pad runs to whole packs.
struct Runs {
  bool folded;         // one for all
  int length, padded;  // in elements
  bool packs;          // every run of x begins and ends at a multiple of 16 bytes, and none crosses the border
};
template <class T>
Runs runs_of(const Conv2dShape& s, const T* x) {
  constexpr int kVec = kPack<T>;
  const int c = int(s.c / s.groups);
  Runs runs{.folded = s.groups == 1 && (s.dilation_w == 1 || s.kw == 1)};
  runs.length = runs.folded ? int(s.kw) * c : c;
  runs.padded = ceil_div(runs.length, kVec) * kVec;
  const bool whole_strides = runs.folded && s.pad_w == 0 && runs.length == runs.padded && s.stride_w * s.c % kVec == 0;
  runs.packs = allows_packs<T>(s.w * s.c, x) && (s.c % kVec == 0 ? c % kVec == 0 : whole_strides);
  return runs;
}

// Implicit matrix products (conv_data.cu): y, or dx, which is gathered from dy.
template <class T>
void gather_forward(Cuda& ctx, const Conv2dShape& s, Math math, const T* x, const float* weight, const float* bias,
                    Epilogue epilogue, T* y);
template <class T>
void gather_backward_data(Cuda& ctx, const Conv2dShape& s, Math math, const T* dy, const float* weight, T* dx);

// (conv_weights.cu)
template <class T>
void gather_backward_weights(Cuda& ctx, const Conv2dShape& s, Math math, const T* x, const T* dy, float* dweight);

// One input and one output channel a group (conv_depthwise.cu).
template <class T>
void depthwise_forward(Cuda& ctx, const Conv2dShape& s, const T* x, const float* weight, const float* bias,
                       Epilogue epilogue, T* y);
template <class T>
void depthwise_backward_data(Cuda& ctx, const Conv2dShape& s, const T* dy, const float* weight, T* dx);
template <class T>
void depthwise_backward_weights(Cuda& ctx, const Conv2dShape& s, const T* x, const T* dy, float* dweight);

}  // namespace fovea::kernels::conv
