// Pooling of NHWC images: a thread does a pack of channels of one output, forward, or of one input, backward. The
// windows of an axis, and the windows that cover an input, are computed where they are needed. Windows that overlap
// read their inputs again from the caches: device memory is read and written once. Backward gathers, so there are no
// atomics, and a fixed order.
#include <fovea/kernels/pool.h>
#include <fovea/kernels/base/for_each.cuh>

namespace fovea::kernels {

struct Covered {
  int begin, end, count;  // the inputs it covers, and how many places an average counts
};
struct WindowedAxis {
  int kernel, stride, padding, size, out;
  Divisor by_stride, by_size, by_out;
  bool count_padding;

  WindowedAxis(const PoolAxis& axis, int64_t inputs, int64_t outputs, bool padding_counts)
      : kernel(int(axis.kernel)),
        stride(int(axis.stride)),
        padding(int(axis.padding)),
        size(int(inputs)),
        out(int(outputs)),
        by_stride(axis.stride),
        by_size(inputs),
        by_out(outputs),
        count_padding(padding_counts) {}

  __device__ Covered window(int o) const {
    if (kernel == 0) {
      const int begin = quotient(by_out, int64_t(o) * size), end = quotient(by_out, int64_t(o + 1) * size + out - 1);
      return {begin, end, end - begin};
    }
    const int begin = o * stride - padding, end = begin + kernel;
    const int first = min(max(begin, 0), size), last = min(max(end, first), size);
    return {first, last, count_padding ? min(end, size + padding) - begin : last - first};
  }
  // The windows [begin, end) that cover input i.
  __device__ Covered covering(int i) const {
    if (kernel == 0) return {quotient(by_size, int64_t(i) * out), quotient(by_size, int64_t(i + 1) * out - 1) + 1, 0};
    const int first = i + padding - kernel + 1;
    return {first > 0 ? by_stride.quotient(first + stride - 1) : 0, min(out, by_stride.quotient(i + padding) + 1), 0};
  }
  static __device__ int quotient(const Divisor& divisor, int64_t n) { return int(divisor.divide(n).quotient); }
};

struct PoolPlace {
  int64_t image;
  int y, x;
  int64_t c;
};
struct PoolGeometry {
  WindowedAxis rows, cols;
  int64_t c;
  Divisor by_channels;

  explicit PoolGeometry(const Pool2dShape& s)
      : rows(s.rows, s.h, s.out_h, s.count_include_pad),
        cols(s.cols, s.w, s.out_w, s.count_include_pad),
        c(s.c),
        by_channels(s.c) {}
  // Where element i of the outputs, or of the inputs, lies.
  __device__ PoolPlace output_place(int64_t i) const { return place(i, rows.by_out, cols.by_out); }
  __device__ PoolPlace input_place(int64_t i) const { return place(i, rows.by_size, cols.by_size); }
  __device__ PoolPlace place(int64_t i, const Divisor& height, const Divisor& width) const {
    const Division channel = by_channels.divide(i), x = width.divide(channel.quotient), y = height.divide(x.quotient);
    return {y.quotient, int(y.remainder), int(x.remainder), channel.remainder};
  }
  __device__ int64_t input(const PoolPlace& p, int y, int x) const {
    return ((p.image * rows.size + y) * cols.size + x) * c + p.c;
  }
  __device__ int64_t output(const PoolPlace& p, int y, int x) const {
    return ((p.image * rows.out + y) * cols.out + x) * c + p.c;
  }
};

template <class T, class Index>
struct MaxPool {
  static constexpr int kN = kPack<T>;
  PoolGeometry at;
  const T* x;
  T* y;
  Index* argmax;
  template <int N>
  __device__ void run(int64_t i) const {
    const PoolPlace p = at.output_place(i);
    const Covered row = at.rows.window(p.y), col = at.cols.window(p.x);
    auto best = load_values<N>(x + at.input(p, row.begin, col.begin));
    auto place = splat<N>(Index(0));
    for (int iy = row.begin; iy < row.end; ++iy)
      for (int ix = col.begin; ix < col.end; ++ix) {
        const auto values = load_values<N>(x + at.input(p, iy, ix));
        const Index here = Index((iy - row.begin) * at.cols.kernel + ix - col.begin);
#pragma unroll
        for (int k = 0; k < N; ++k)
          if (!(values[k] <= best[k]) && best[k] == best[k]) best[k] = values[k], place[k] = here;
      }
    store_values(y + i, best);
    store_values(argmax + i, place);
  }
};
template <class T, class Index>
void max_pool2d(Cuda& ctx, const Pool2dShape& s, const T* x, T* y, Index* argmax) {
  using Body = MaxPool<T, Index>;
  for_each(ctx, Body{PoolGeometry(s), x, y, argmax}, s.n * s.out_h * s.out_w * s.c,
           allows_packs<T>(s.c, x, y) && is_aligned<Body::kN>(argmax));
}

template <class T, class Index>
struct MaxPoolGradient {
  static constexpr int kN = kPack<T>;
  PoolGeometry at;
  const T* dy;
  const Index* argmax;
  T* dx;
  template <int N>
  __device__ void run(int64_t i) const {
    const PoolPlace p = at.input_place(i);
    const Covered rows = at.rows.covering(p.y), cols = at.cols.covering(p.x);
    auto sum = splat<N>(0.0f);
    for (int oy = rows.begin; oy < rows.end; ++oy) {
      const int row = p.y - at.rows.window(oy).begin;
      for (int ox = cols.begin; ox < cols.end; ++ox) {
        const int64_t from = at.output(p, oy, ox);
        const Index here = Index(row * at.cols.kernel + p.x - at.cols.window(ox).begin);
        const auto slopes = load_values<N>(dy + from);
        const auto chosen = load_values<N>(argmax + from);
#pragma unroll
        for (int k = 0; k < N; ++k) sum[k] += chosen[k] == here ? slopes[k] : 0.0f;
      }
    }
    store_values(dx + i, sum);
  }
};
template <class T, class Index>
void max_pool2d_backward(Cuda& ctx, const Pool2dShape& s, const T* dy, const Index* argmax, T* dx) {
  using Body = MaxPoolGradient<T, Index>;
  for_each(ctx, Body{PoolGeometry(s), dy, argmax, dx}, s.n * s.h * s.w * s.c,
           allows_packs<T>(s.c, dy, dx) && is_aligned<Body::kN>(argmax));
}

template <class T, class Out>
struct AvgPool {
  static constexpr int kN = kPack<T>;
  PoolGeometry at;
  const T* x;
  Out* y;
  template <int N>
  __device__ void run(int64_t i) const {
    const PoolPlace p = at.output_place(i);
    const Covered row = at.rows.window(p.y), col = at.cols.window(p.x);
    auto sum = splat<N>(0.0f);
    for (int iy = row.begin; iy < row.end; ++iy)
#pragma unroll 4
      for (int ix = col.begin; ix < col.end; ++ix) {
        const auto values = load_values<N>(x + at.input(p, iy, ix));
#pragma unroll
        for (int k = 0; k < N; ++k) sum[k] += values[k];
      }
    const float scale = 1.0f / float(int64_t(row.count) * col.count);
#pragma unroll
    for (int k = 0; k < N; ++k) sum[k] *= scale;
    store_values(y + i, sum);
  }
};
template <class T, class Out>
void avg_pool2d(Cuda& ctx, const Pool2dShape& s, const T* x, Out* y) {
  for_each(ctx, AvgPool<T, Out>{PoolGeometry(s), x, y}, s.n * s.out_h * s.out_w * s.c, allows_packs<T>(s.c, x, y));
}

template <class T, class Out>
struct AvgPoolGradient {
  static constexpr int kN = kPack<T>;
  PoolGeometry at;
  const Out* dy;
  T* dx;
  template <int N>
  __device__ void run(int64_t i) const {
    const PoolPlace p = at.input_place(i);
    const Covered rows = at.rows.covering(p.y), cols = at.cols.covering(p.x);
    auto sum = splat<N>(0.0f);
    for (int oy = rows.begin; oy < rows.end; ++oy)
      for (int ox = cols.begin; ox < cols.end; ++ox) {
        const float scale = 1.0f / float(int64_t(at.rows.window(oy).count) * at.cols.window(ox).count);
        const auto slopes = load_values<N>(dy + at.output(p, oy, ox));
#pragma unroll
        for (int k = 0; k < N; ++k) sum[k] += slopes[k] * scale;
      }
    store_values(dx + i, sum);
  }
};
template <class T, class Out>
void avg_pool2d_backward(Cuda& ctx, const Pool2dShape& s, const Out* dy, T* dx) {
  for_each(ctx, AvgPoolGradient<T, Out>{PoolGeometry(s), dy, dx}, s.n * s.h * s.w * s.c, allows_packs<T>(s.c, dy, dx));
}

#define FOVEA_INSTANTIATE_MAX(T, Index)                                                \
  template void max_pool2d<T, Index>(Cuda&, const Pool2dShape&, const T*, T*, Index*); \
  template void max_pool2d_backward<T, Index>(Cuda&, const Pool2dShape&, const T*, const Index*, T*);
FOVEA_INSTANTIATE_MAX(float, uint8_t)
FOVEA_INSTANTIATE_MAX(bf16, uint8_t)
FOVEA_INSTANTIATE_MAX(float, int64_t)
FOVEA_INSTANTIATE_MAX(bf16, int64_t)
#define FOVEA_INSTANTIATE_AVG(T, Out)                                          \
  template void avg_pool2d<T, Out>(Cuda&, const Pool2dShape&, const T*, Out*); \
  template void avg_pool2d_backward<T, Out>(Cuda&, const Pool2dShape&, const Out*, T*);
FOVEA_INSTANTIATE_AVG(float, float)
FOVEA_INSTANTIATE_AVG(bf16, bf16)
FOVEA_INSTANTIATE_AVG(bf16, float)

}  // namespace fovea::kernels
