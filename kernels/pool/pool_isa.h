#pragma once

// Private to kernels/pool*.cpp: the loops of pooling over one row of the result.
#include <cstdint>

#include <fovea/kernels/bf16.h>
#include <fovea/kernels/isa.h>

namespace fovea::kernels {

// Along one axis. Of a window: the inputs [begin, end) that it covers, and how many places an average counts.
struct PoolWindow {
  int64_t begin, end, count;
};
// Of an input: the windows [begin, end) that cover it.
struct PoolCover {
  int64_t begin, end;
};

// One image row's part of the work: `windows` of the columns, and `row`, the window of this row.
struct PoolRow {
  int64_t w, c, out_w, kernel_w;
  PoolWindow row;
  const PoolWindow* windows;
};
template <Isa I, class T, class Index>
void max_pool_row(const PoolRow& p, const T* image, T* y, Index* argmax);
template <Isa I, class T, class Out>
void avg_pool_row(const PoolRow& p, const T* image, Out* y);

// One row of the gradient: input row `y`, which windows `rows` [cover.begin, cover.end) cover. dy, argmax: the image's.
struct PoolGradientRow {
  int64_t y, w, c, out_w, kernel_w;
  PoolCover cover;
  const PoolWindow *rows, *windows;
  const PoolCover* covers;
  bool stream;  // write around the caches
};
template <Isa I, class T, class Index>
void max_pool_gradient_row(const PoolGradientRow& p, const T* dy, const Index* argmax, T* dx);
template <Isa I, class T, class Out>
void avg_pool_gradient_row(const PoolGradientRow& p, const Out* dy, T* dx);

}  // namespace fovea::kernels
