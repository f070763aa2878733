#include <fovea/kernels/base/stores.h>
#include <fovea/kernels/pool/pool_isa.h>

namespace fovea::kernels {

// Channels that are held in the first-level cache while a window is walked.
static constexpr int64_t kChannels = 512;

template <class F>
static inline void for_channel_blocks(int64_t c, const F& f) {
  for (int64_t begin = 0; begin < c; begin += kChannels) f(begin, c - begin < kChannels ? c - begin : kChannels);
}

template <Isa I, class T, class Index>
void max_pool_row(const PoolRow& p, const T* image, T* y, Index* argmax) {
  using A = accumulator_t<T>;
  alignas(64) A best[kChannels];
  alignas(64) int32_t place[kChannels];
  for (int64_t ox = 0; ox < p.out_w; ++ox) {
    const PoolWindow col = p.windows[ox];
    for_channel_blocks(p.c, [&](int64_t c0, int64_t count) {
      const T* first = image + (p.row.begin * p.w + col.begin) * p.c + c0;
#pragma omp simd
      for (int64_t c = 0; c < count; ++c) best[c] = A(first[c]), place[c] = 0;
      for (int64_t iy = p.row.begin; iy < p.row.end; ++iy) {
        for (int64_t ix = col.begin; ix < col.end; ++ix) {
          const T* x = image + (iy * p.w + ix) * p.c + c0;
          const int32_t here = int32_t((iy - p.row.begin) * p.kernel_w + ix - col.begin);
#pragma omp simd
          for (int64_t c = 0; c < count; ++c) {
            const A v = A(x[c]);
            const bool wins = !(v <= best[c]) && best[c] == best[c];  // the first NaN stays
            best[c] = wins ? v : best[c];
            place[c] = wins ? here : place[c];
          }
        }
      }
      T* to = y + ox * p.c + c0;
      Index* index = argmax + ox * p.c + c0;
#pragma omp simd
      for (int64_t c = 0; c < count; ++c) put(to + c, best[c]);
#pragma omp simd
      for (int64_t c = 0; c < count; ++c) index[c] = Index(place[c]);
    });
  }
}

template <Isa I, class T, class Out>
void avg_pool_row(const PoolRow& p, const T* image, Out* y) {
  using A = accumulator_t<T>;
  alignas(64) A sum[kChannels];
  for (int64_t ox = 0; ox < p.out_w; ++ox) {
    const PoolWindow col = p.windows[ox];
    const A scale = A(1) / A(p.row.count * col.count);
    for_channel_blocks(p.c, [&](int64_t c0, int64_t count) {
#pragma omp simd
      for (int64_t c = 0; c < count; ++c) sum[c] = 0;
      for (int64_t iy = p.row.begin; iy < p.row.end; ++iy) {
        for (int64_t ix = col.begin; ix < col.end; ++ix) {
          const T* x = image + (iy * p.w + ix) * p.c + c0;
#pragma omp simd
          for (int64_t c = 0; c < count; ++c) sum[c] += A(x[c]);
        }
      }
      Out* to = y + ox * p.c + c0;
#pragma omp simd
      for (int64_t c = 0; c < count; ++c) put(to + c, sum[c] * scale);
    });
  }
}

// dx of one row: what add(row and column of the window, input column, offset of the window's gradient, channels, sum)
// adds for each window over each element.
template <Isa I, class T, class Add>
static inline void gather_row(const PoolGradientRow& p, T* dx, const Add& add) {
  using A = accumulator_t<T>;
  alignas(64) A sum[kChannels];
  alignas(64) T buffer[kChannels];
  for (int64_t ix = 0; ix < p.w; ++ix) {
    const PoolCover cover = p.covers[ix];
    for_channel_blocks(p.c, [&](int64_t c0, int64_t count) {
#pragma omp simd
      for (int64_t c = 0; c < count; ++c) sum[c] = 0;
      for (int64_t oy = p.cover.begin; oy < p.cover.end; ++oy)
        for (int64_t ox = cover.begin; ox < cover.end; ++ox)
          add(oy, ox, ix, (oy * p.out_w + ox) * p.c + c0, count, sum);
      T* to = dx + ix * p.c + c0;
      T* out = p.stream ? buffer : to;
#pragma omp simd
      for (int64_t c = 0; c < count; ++c) put(out + c, sum[c]);
      if (p.stream) stream_copy<I>(to, buffer, count * int64_t(sizeof(T)));
    });
  }
  if (p.stream) stream_fence();
}

template <Isa I, class T, class Index>
void max_pool_gradient_row(const PoolGradientRow& p, const T* dy, const Index* argmax, T* dx) {
  using A = accumulator_t<T>;
  gather_row<I>(p, dx, [&](int64_t oy, int64_t ox, int64_t ix, int64_t offset, int64_t count, A* sum) {
    const Index here = Index((p.y - p.rows[oy].begin) * p.kernel_w + ix - p.windows[ox].begin);
    const T* from = dy + offset;
    const Index* index = argmax + offset;
#pragma omp simd
    for (int64_t c = 0; c < count; ++c) sum[c] += index[c] == here ? A(from[c]) : A(0);
  });
}

template <Isa I, class T, class Out>
void avg_pool_gradient_row(const PoolGradientRow& p, const Out* dy, T* dx) {
  using A = accumulator_t<T>;
  gather_row<I>(p, dx, [&](int64_t oy, int64_t ox, int64_t, int64_t offset, int64_t count, A* sum) {
    const A scale = A(1) / A(p.rows[oy].count * p.windows[ox].count);
    const Out* from = dy + offset;
#pragma omp simd
    for (int64_t c = 0; c < count; ++c) sum[c] += A(from[c]) * scale;
  });
}

#define FOVEA_INSTANTIATE_MAX(T, Index)                                             \
  template void max_pool_row<kIsa, T, Index>(const PoolRow&, const T*, T*, Index*); \
  template void max_pool_gradient_row<kIsa, T, Index>(const PoolGradientRow&, const T*, const Index*, T*);
FOVEA_INSTANTIATE_MAX(float, uint8_t)
FOVEA_INSTANTIATE_MAX(double, uint8_t)
FOVEA_INSTANTIATE_MAX(bf16, uint8_t)
FOVEA_INSTANTIATE_MAX(float, int64_t)
FOVEA_INSTANTIATE_MAX(double, int64_t)
FOVEA_INSTANTIATE_MAX(bf16, int64_t)
#define FOVEA_INSTANTIATE_AVG(T, Out)                                       \
  template void avg_pool_row<kIsa, T, Out>(const PoolRow&, const T*, Out*); \
  template void avg_pool_gradient_row<kIsa, T, Out>(const PoolGradientRow&, const Out*, T*);
FOVEA_INSTANTIATE_AVG(float, float)
FOVEA_INSTANTIATE_AVG(double, double)
FOVEA_INSTANTIATE_AVG(bf16, bf16)
FOVEA_INSTANTIATE_AVG(bf16, float)

}  // namespace fovea::kernels
