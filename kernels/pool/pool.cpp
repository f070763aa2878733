#include <fovea/kernels/pool.h>

#include <algorithm>
#include <vector>

#include <fovea/kernels/base/stores.h>
#include <fovea/kernels/pool/pool_isa.h>

namespace fovea::kernels {

namespace {

// The windows of one axis, and for every input the windows that cover it.
struct Axis {
  std::vector<PoolWindow> windows;
  std::vector<PoolCover> covers;

  Axis(const PoolAxis& axis, int64_t size, int64_t out, bool count_padding) {
    for (int64_t o = 0; o < out; ++o) {
      if (axis.kernel == 0) {
        const int64_t begin = o * size / out, end = ((o + 1) * size + out - 1) / out;
        windows.push_back({begin, end, end - begin});
      } else {
        const int64_t begin = o * axis.stride - axis.padding, end = begin + axis.kernel;
        const int64_t first = std::clamp<int64_t>(begin, 0, size), last = std::clamp<int64_t>(end, first, size);
        windows.push_back({first, last, count_padding ? std::min(end, size + axis.padding) - begin : last - first});
      }
    }
    int64_t begin = 0, end = 0;  // both rise with the input, as the windows' ends and beginnings do
    for (int64_t i = 0; i < size; ++i) {
      while (begin < out && windows[size_t(begin)].end <= i) ++begin;
      while (end < out && windows[size_t(end)].begin <= i) ++end;
      covers.push_back({begin, end});
    }
  }
};

struct Axes {
  Axis rows, cols;
  explicit Axes(const Pool2dShape& s)
      : rows(s.rows, s.h, s.out_h, s.count_include_pad), cols(s.cols, s.w, s.out_w, s.count_include_pad) {}
  PoolRow row(const Pool2dShape& s, int64_t oy) const {
    return {s.w, s.c, s.out_w, s.cols.kernel, rows.windows[size_t(oy)], cols.windows.data()};
  }
  template <class T>
  PoolGradientRow gradient_row(const Pool2dShape& s, int64_t y) const {
    return {.y = y,
            .w = s.w,
            .c = s.c,
            .out_w = s.out_w,
            .kernel_w = s.cols.kernel,
            .cover = rows.covers[size_t(y)],
            .rows = rows.windows.data(),
            .windows = cols.windows.data(),
            .covers = cols.covers.data(),
            .stream = s.n * s.h * s.w * s.c * int64_t(sizeof(T)) > kStreamBytes};
  }
};

}  // namespace

template <class T, class Index>
void max_pool2d(Cpu&, const Pool2dShape& s, const T* x, T* y, Index* argmax) {
  const Axes axes(s);
  with_isa([&]<Isa I>() {
#pragma omp parallel for schedule(dynamic, 4) if (s.n * s.h * s.w * s.c > kParallelGrain)
    for (int64_t i = 0; i < s.n * s.out_h; ++i) {
      const int64_t to = i * s.out_w * s.c;
      max_pool_row<I>(axes.row(s, i % s.out_h), x + i / s.out_h * s.h * s.w * s.c, y + to, argmax + to);
    }
  });
}

template <class T, class Index>
void max_pool2d_backward(Cpu&, const Pool2dShape& s, const T* dy, const Index* argmax, T* dx) {
  const Axes axes(s);
  with_isa([&]<Isa I>() {
#pragma omp parallel for schedule(dynamic, 4) if (s.n * s.h * s.w * s.c > kParallelGrain)
    for (int64_t i = 0; i < s.n * s.h; ++i) {
      const int64_t from = i / s.h * s.out_h * s.out_w * s.c;
      max_pool_gradient_row<I>(axes.gradient_row<T>(s, i % s.h), dy + from, argmax + from, dx + i * s.w * s.c);
    }
  });
}

template <class T, class Out>
void avg_pool2d(Cpu&, const Pool2dShape& s, const T* x, Out* y) {
  const Axes axes(s);
  with_isa([&]<Isa I>() {
#pragma omp parallel for schedule(dynamic, 4) if (s.n * s.h * s.w * s.c > kParallelGrain)
    for (int64_t i = 0; i < s.n * s.out_h; ++i)
      avg_pool_row<I>(axes.row(s, i % s.out_h), x + i / s.out_h * s.h * s.w * s.c, y + i * s.out_w * s.c);
  });
}

template <class T, class Out>
void avg_pool2d_backward(Cpu&, const Pool2dShape& s, const Out* dy, T* dx) {
  const Axes axes(s);
  with_isa([&]<Isa I>() {
#pragma omp parallel for schedule(dynamic, 4) if (s.n * s.h * s.w * s.c > kParallelGrain)
    for (int64_t i = 0; i < s.n * s.h; ++i) {
      const int64_t from = i / s.h * s.out_h * s.out_w * s.c;
      avg_pool_gradient_row<I>(axes.gradient_row<T>(s, i % s.h), dy + from, dx + i * s.w * s.c);
    }
  });
}

#define FOVEA_INSTANTIATE_MAX(T, Index)                                               \
  template void max_pool2d<T, Index>(Cpu&, const Pool2dShape&, const T*, T*, Index*); \
  template void max_pool2d_backward<T, Index>(Cpu&, const Pool2dShape&, const T*, const Index*, T*);
FOVEA_INSTANTIATE_MAX(float, uint8_t)
FOVEA_INSTANTIATE_MAX(double, uint8_t)
FOVEA_INSTANTIATE_MAX(bf16, uint8_t)
FOVEA_INSTANTIATE_MAX(float, int64_t)
FOVEA_INSTANTIATE_MAX(double, int64_t)
FOVEA_INSTANTIATE_MAX(bf16, int64_t)
#define FOVEA_INSTANTIATE_AVG(T, Out)                                         \
  template void avg_pool2d<T, Out>(Cpu&, const Pool2dShape&, const T*, Out*); \
  template void avg_pool2d_backward<T, Out>(Cpu&, const Pool2dShape&, const Out*, T*);
FOVEA_INSTANTIATE_AVG(float, float)
FOVEA_INSTANTIATE_AVG(double, double)
FOVEA_INSTANTIATE_AVG(bf16, bf16)
FOVEA_INSTANTIATE_AVG(bf16, float)

}  // namespace fovea::kernels
