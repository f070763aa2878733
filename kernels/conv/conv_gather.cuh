#pragma once

// Private to kernels/conv_*.cu: which elements of an image a row of the implicit matrix of a convolution reads.
#include <fovea/kernels/conv.h>
#include <fovea/kernels/base/cuda_utils.cuh>
#include <fovea/kernels/base/mma.cuh>

namespace fovea::kernels::conv {

// Points along one axis of an image and the taps they read: point i reads i * stride + start + t * step for t < taps,
// and stands at i * out_step + out_first of the result.
struct Axis {
  int points, out_first, out_step;
  int stride, start, step, taps;
  int tap_first;  // of the prepared weight: where the taps of this class begin (see backward_order)
};

// One axis of a convolution.
struct Line {
  int in, out, kernel, stride, pad, dilation;

  __host__ __device__ Axis forward() const { return {out, 0, 1, stride, -pad, dilation, kernel, 0}; }

  // The positions of the input fall into `stride` classes; those of one class a, a + stride, ... are reached by the
  // same taps, r = first, first + apart, ..., from neighbouring outputs: their gradients are a convolution of dy with
  // these taps, the last first, so that the positions read ascend.
  __host__ __device__ int apart() const {  // stride / gcd(stride, dilation)
    int a = stride, b = dilation;
    while (b) {
      int rest = a % b;
      a = b, b = rest;
    }
    return stride / a;
  }
  __host__ __device__ Axis backward(int a) const {
    const int every = apart();
    Axis axis{(in - a + stride - 1) / stride, a, stride, 1, 0, dilation * every / stride, 0, 0};
    for (int r = 0; r < every && r < kernel; ++r)
      if ((a + pad - r * dilation) % stride == 0) {
        axis.taps = (kernel - 1 - r) / every + 1;
        axis.start = (a + pad - (r + (axis.taps - 1) * every) * dilation) / stride;
        axis.tap_first = class_begin(r);
      }
    return axis;
  }
  __host__ __device__ int class_begin(int residue) const {
    const int every = apart(), rest = kernel % every;
    return residue * (kernel / every) + (residue < rest ? residue : rest);
  }
  // Where tap r stands in the order in which classes follow one another, the last tap of each first.
  __host__ __device__ int backward_order(int r) const {
    const int every = apart();
    return class_begin(r % every) + (kernel - 1 - r % every) / every - r / every;
  }
};

// A position in the row of taps that a point reads: row and column of the kernel, element of the run of neighbouring
// elements there. Runs are padded to whole packs.
struct Tap {
  int row = 0, column = 0, element = 0;

  __device__ void advance(int by, int columns, int run) {
    element += by;
    while (element >= run) {
      element -= run;
      if (++column == columns) column = 0, ++row;
    }
  }
};

// A point of an image: its first tap's row, and where in that row (in elements) the run begins. An element is read
// where both lie inside; `first` is where the first one is, or would be.
struct Point {
  const void* first;
  int row, element;
};
inline constexpr int kNowhere = -(1 << 30);  // a row that no tap brings back into the image

// Copies the four bytes at `from` to word `word` of a chunk in shared memory: as a whole where a value has four bytes,
// which is asynchronous, else value by value. Values e with !inside(e) are zero and not read.
template <class T, class Inside>
__device__ void copy_word(uint4* chunk, int word, const T* from, const Inside& inside) {
  uint32_t* to = reinterpret_cast<uint32_t*>(chunk) + word;
  if constexpr (sizeof(T) == 4) {
    copy_async<4>(to, from, inside(0) ? 4 : 0);
  } else {
    uint32_t pair = 0;
#pragma unroll
    for (int e = 0; e < 2; ++e)
      if (inside(e)) pair |= uint32_t(from[e].bits) << (16 * e);
    *to = pair;
  }
}

}  // namespace fovea::kernels::conv
