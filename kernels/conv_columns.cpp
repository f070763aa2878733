#include <fovea/kernels/conv_columns.h>

#include <algorithm>
#include <cstring>
#include <type_traits>
#include <vector>

#include <fovea/kernels/matmul.h>
#include <fovea/kernels/scratch.h>

namespace fovea::kernels::columns {
namespace {

constexpr int64_t kSliceBytes = int64_t(16) << 20;  // of gathered patches

// The rows of a matrix, one for each point of a grid over each image: the pixels at the point (i stride_h, j stride_w)
// plus each of the offsets, side by side; zeros where the image has none.
struct Patches {
  int64_t n, h, w, c;          // the images
  int64_t grid_h, grid_w;      // the points
  int64_t stride_h, stride_w;  // between points
  struct Offset {
    int64_t h, w;
  };
  std::vector<Offset> offsets;

  int64_t rows() const { return n * grid_h * grid_w; }
  int64_t columns() const { return int64_t(offsets.size()) * c; }
  // Every row is one pixel, and they follow one another as the pixels do.
  bool plain() const {
    return offsets.size() == 1 && offsets[0].h == 0 && offsets[0].w == 0 && stride_h == 1 && stride_w == 1 &&
           grid_h == h && grid_w == w;
  }
  template <class T>
  int64_t slice() const {
    if (plain()) return rows();
    return std::clamp<int64_t>(kSliceBytes / std::max<int64_t>(columns() * int64_t(sizeof(T)), 1) / 64 * 64, 64,
                               std::max<int64_t>(rows(), 64));
  }
};

template <class T>
void gather(const Patches& p, const T* images, int64_t first, int64_t count, T* matrix) {
#pragma omp parallel for if (count * p.columns() > kParallelGrain)
  for (int64_t row = first; row < first + count; ++row) {
    int64_t j = row % p.grid_w * p.stride_w, i = row / p.grid_w % p.grid_h * p.stride_h, n = row / p.grid_w / p.grid_h;
    T* to = matrix + (row - first) * p.columns();
    for (const Patches::Offset& offset : p.offsets) {
      int64_t y = i + offset.h, x = j + offset.w;
      if (uint64_t(y) < uint64_t(p.h) && uint64_t(x) < uint64_t(p.w))
        std::memcpy(to, images + ((n * p.h + y) * p.w + x) * p.c, size_t(p.c) * sizeof(T));
      else
        std::memset(to, 0, size_t(p.c) * sizeof(T));
      to += p.c;
    }
  }
}

// Calls f(first, count, rows [first, first + count) of the matrix) slice by slice.
template <class T, class F>
void for_each_slice(const Patches& p, const T* images, const F& f) {
  int64_t slice = p.slice<T>();
  Scratch scratch;
  T* matrix = p.plain() ? nullptr : scratch.take<T>(size_t(slice * p.columns()));
  for (int64_t first = 0; first < p.rows(); first += slice) {
    int64_t count = std::min(slice, p.rows() - first);
    if (matrix) gather(p, images, first, count, matrix);
    f(first, count, matrix ? static_cast<const T*>(matrix) : images + first * p.c);
  }
}

// What the outputs of a convolution read.
Patches read_by_outputs(const Conv2dShape& s) {
  Patches p{s.n, s.h, s.w, s.c, s.out_h(), s.out_w(), s.stride_h, s.stride_w, {}};
  for (int64_t r = 0; r < s.kh; ++r)
    for (int64_t q = 0; q < s.kw; ++q) p.offsets.push_back({r * s.dilation_h - s.pad_h, q * s.dilation_w - s.pad_w});
  return p;
}

bool small_map(const Conv2dShape& s) {
  return s.groups == 1 && s.c >= 256 && s.out_h() * s.out_w() <= 16;
}
bool strided(const Conv2dShape& s) {
  return s.stride_h > 1 || s.stride_w > 1;
}

}  // namespace

template <class T>
bool pays(const Conv2dShape& s) {
  return small_map(s);
}

template <class T>
bool pays_backward_data(const Conv2dShape& s) {
  return small_map(s) && std::is_same_v<T, bf16>;
}

template <class T>
bool pays_backward_weights(const Conv2dShape& s) {
  if (std::is_same_v<T, float>) return small_map(s);
  int64_t pixels = s.out_h() * s.out_w();
  return s.groups == 1 && s.c >= 32 && ((s.kh == 1 && s.kw == 1) || pixels <= 16 || (pixels <= 64 && strided(s)));
}

template <class T>
void forward(const Conv2dShape& s, const T* x, const float* weight, const float* bias, T* y) {
  Patches p = read_by_outputs(s);
  Scratch scratch;
  T* turned = scratch.take<T>(size_t(p.columns() * s.k));  // [patch, k]
#pragma omp parallel for if (p.columns() * s.k > kParallelGrain)
  for (int64_t i = 0; i < p.columns(); ++i)
    for (int64_t o = 0; o < s.k; ++o) turned[i * s.k + o] = T(weight[o * p.columns() + i]);
  MatmulOutput<T> output;
  output.bias = bias;
  for_each_slice(p, x, [&](int64_t first, int64_t count, const T* matrix) {
    matmul<T, T>(cpu(), {.m = count, .n = s.k, .k = p.columns()}, matrix, turned, y + first * s.k, output);
  });
}

// The pixels of dx fall into stride_h x stride_w classes; those of one class read dy through the same taps.
template <class T>
void backward_data(const Conv2dShape& s, const T* dy, const float* weight, T* dx) {
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
      for (int64_t r = 0; r < s.kh; ++r)
        for (int64_t q = 0; q < s.kw; ++q) {
          int64_t i = a + s.pad_h - r * s.dilation_h, j = b + s.pad_w - q * s.dilation_w;
          if (i % s.stride_h != 0 || j % s.stride_w != 0) continue;
          p.offsets.push_back({i / s.stride_h, j / s.stride_w});
          taps.push_back(r * s.kw + q);
        }
      Scratch scratch;
      T* turned = scratch.take<T>(size_t(p.columns() * s.c));  // [tap, k, c]
#pragma omp parallel for if (p.columns() * s.c > kParallelGrain)
      for (int64_t i = 0; i < p.columns(); ++i) {
        const float* from = weight + (i % s.k * s.kh * s.kw + taps[size_t(i / s.k)]) * s.c;
        for (int64_t c = 0; c < s.c; ++c) turned[i * s.c + c] = T(from[c]);
      }
      T* rows = strided(s) ? scratch.take<T>(size_t(p.slice<T>() * s.c)) : nullptr;
      for_each_slice(p, dy, [&](int64_t first, int64_t count, const T* matrix) {
        T* to = rows ? rows : dx + first * s.c;
        matmul<T, T>(cpu(), {.m = count, .n = s.c, .k = p.columns()}, matrix, turned, to);
        if (!rows) return;
#pragma omp parallel for if (count * s.c > kParallelGrain)
        for (int64_t row = first; row < first + count; ++row) {
          int64_t j = row % p.grid_w * s.stride_w + b, i = row / p.grid_w % p.grid_h * s.stride_h + a;
          std::memcpy(dx + ((row / p.grid_w / p.grid_h * s.h + i) * s.w + j) * s.c, rows + (row - first) * s.c,
                      size_t(s.c) * sizeof(T));
        }
      });
    }
}

template <class T>
void backward_weights(const Conv2dShape& s, const T* x, const T* dy, float* dweight) {
  Patches p = read_by_outputs(s);
  int64_t size = s.k * p.columns();
  Scratch scratch;
  float* part = p.rows() > p.slice<T>() ? scratch.take<float>(size_t(size)) : nullptr;
  for_each_slice(p, x, [&](int64_t first, int64_t count, const T* matrix) {
    matmul<T, float>(cpu(), {.m = s.k, .n = p.columns(), .k = count, .transpose_a = true}, dy + first * s.k, matrix,
                     first ? part : dweight);
    if (!first) return;
#pragma omp parallel for simd if (size > kParallelGrain)
    for (int64_t i = 0; i < size; ++i) dweight[i] += part[i];
  });
}

template bool pays<float>(const Conv2dShape&);
template bool pays_backward_data<float>(const Conv2dShape&);
template bool pays_backward_weights<float>(const Conv2dShape&);
template void forward(const Conv2dShape&, const float*, const float*, const float*, float*);
template void backward_data(const Conv2dShape&, const float*, const float*, float*);
template void backward_weights(const Conv2dShape&, const float*, const float*, float*);
template bool pays<bf16>(const Conv2dShape&);
template bool pays_backward_data<bf16>(const Conv2dShape&);
template bool pays_backward_weights<bf16>(const Conv2dShape&);
template void forward(const Conv2dShape&, const bf16*, const float*, const float*, bf16*);
template void backward_data(const Conv2dShape&, const bf16*, const float*, bf16*);
template void backward_weights(const Conv2dShape&, const bf16*, const bf16*, float*);

}  // namespace fovea::kernels::columns
