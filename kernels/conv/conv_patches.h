#pragma once

// Private to kernels/conv_*.cpp: the pixels that each output of a convolution reads, as rows of a matrix.
#include <algorithm>
#include <cstring>
#include <vector>

#include <fovea/kernels/conv.h>

namespace fovea::kernels {

// A row for each point of a grid over each image: the pixels at the point (i stride_h, j stride_w) plus each of the
// offsets, side by side; zeros where the image has none.
struct Patches {
  int64_t n, h, w, c;          // the images
  int64_t grid_h, grid_w;      // the points
  int64_t stride_h, stride_w;  // between points
  struct Offset {
    int64_t h, w;
    int64_t run = 1;  // how many offsets, this one included, follow one another along w
  };
  std::vector<Offset> offsets;

  void add(int64_t offset_h, int64_t offset_w) {
    offsets.push_back({offset_h, offset_w});
    for (size_t i = offsets.size() - 1; i > 0; --i) {
      Offset &left = offsets[i - 1], &right = offsets[i];
      if (left.h != right.h || left.w + 1 != right.w) break;
      left.run = right.run + 1;
    }
  }
  int64_t rows() const { return n * grid_h * grid_w; }
  int64_t columns() const { return int64_t(offsets.size()) * c; }
  // Every row is one pixel, and they follow one another as the pixels do.
  bool plain() const {
    return offsets.size() == 1 && offsets[0].h == 0 && offsets[0].w == 0 && stride_h == 1 && stride_w == 1 &&
           grid_h == h && grid_w == w;
  }
};

// Calls f(image, i, j) for the points [first, first + count), counted through all images.
template <class F>
void for_each_point(const Patches& p, int64_t first, int64_t count, const F& f) {
  int64_t j = first % p.grid_w, i = first / p.grid_w % p.grid_h, n = first / p.grid_w / p.grid_h;
  for (; count > 0; --count) {
    f(n, i, j);
    if (++j < p.grid_w) continue;
    j = 0;
    if (++i < p.grid_h) continue;
    i = 0, ++n;
  }
}

// Rows [first, first + count), `step` elements apart.                     reads and writes count * columns
template <class T>
void gather(const Patches& p, const T* images, int64_t first, int64_t count, T* matrix, int64_t step) {
  for_each_point(p, first, count, [&](int64_t n, int64_t i, int64_t j) {
    T* to = matrix;
    for (size_t o = 0; o < p.offsets.size();) {
      const Patches::Offset& offset = p.offsets[o];
      int64_t y = i * p.stride_h + offset.h, x = j * p.stride_w + offset.w, taken = 1;
      if (uint64_t(y) >= uint64_t(p.h) || uint64_t(x) >= uint64_t(p.w)) {
        std::memset(static_cast<void*>(to), 0, size_t(p.c) * sizeof(T));
      } else {
        if (x + offset.run <= p.w) taken = offset.run;
        std::memcpy(static_cast<void*>(to), images + ((n * p.h + y) * p.w + x) * p.c, size_t(taken * p.c) * sizeof(T));
      }
      to += taken * p.c;
      o += size_t(taken);
    }
    matrix += step;
  });
}

// What the outputs of a convolution read.
inline Patches read_by_outputs(const Conv2dShape& s) {
  Patches p{s.n, s.h, s.w, s.c, s.out_h(), s.out_w(), s.stride_h, s.stride_w, {}};
  for (int64_t r = 0; r < s.kh; ++r)
    for (int64_t q = 0; q < s.kw; ++q) p.add(r * s.dilation_h - s.pad_h, q * s.dilation_w - s.pad_w);
  return p;
}

// The pixels of the input fall into stride_h x stride_w classes, those of one class read the output through the same
// taps. Calls f(patches of the output that class (a, b) reads, index of the kernel's tap for each offset, a, b).
template <class F>
void for_each_class(const Conv2dShape& s, const F& f) {
  for (int64_t a = 0; a < std::min(s.stride_h, s.h); ++a)
    for (int64_t b = 0; b < std::min(s.stride_w, s.w); ++b) {
      Patches p{s.n,
                s.out_h(),
                s.out_w(),
                s.k,
                (s.h - a + s.stride_h - 1) / s.stride_h,
                (s.w - b + s.stride_w - 1) / s.stride_w,
                1,
                1,
                {}};
      std::vector<int64_t> taps;
      for (int64_t r = s.kh - 1; r >= 0; --r)  // so that offsets ascend
        for (int64_t q = s.kw - 1; q >= 0; --q) {
          int64_t i = a + s.pad_h - r * s.dilation_h, j = b + s.pad_w - q * s.dilation_w;
          if (i % s.stride_h != 0 || j % s.stride_w != 0) continue;
          p.add(i / s.stride_h, j / s.stride_w);
          taps.push_back(r * s.kw + q);
        }
      f(p, taps, a, b);
    }
}

// Copies the rows of points [first, first + count) of for_each_class's patches to the input's pixels of class (a, b).
template <class T>
void scatter(const Conv2dShape& s, const Patches& p, int64_t a, int64_t b, int64_t first, int64_t count, const T* rows,
             T* dx) {
  for_each_point(p, first, count, [&](int64_t n, int64_t i, int64_t j) {
    T* pixel = dx + ((n * s.h + i * s.stride_h + a) * s.w + j * s.stride_w + b) * s.c;
    std::memcpy(static_cast<void*>(pixel), rows, size_t(s.c) * sizeof(T));
    rows += s.c;
  });
}

}  // namespace fovea::kernels
