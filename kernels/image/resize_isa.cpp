#include <fovea/kernels/base/stores.h>
#include <fovea/kernels/image/resize_isa.h>

namespace fovea::kernels {

// Channels of one output that are summed in the first-level cache.
static constexpr int64_t kChannels = 512;

// sum[c] (+)= weight * x[c]; taps of weight 0 are not read, so what they point at cannot leak in.
template <class T, class A>
static inline void add_tap(int64_t size, A weight, const T* x, bool first, A* sum) {
  if (first) {
#pragma omp simd
    for (int64_t c = 0; c < size; ++c) sum[c] = weight * A(x[c]);
  } else {
#pragma omp simd
    for (int64_t c = 0; c < size; ++c) sum[c] += weight * A(x[c]);
  }
}

template <class T, class A>
static inline void mix(int64_t taps, const A* weight, int64_t stride, int64_t size, const T* x, A* sum) {
  bool first = true;
  for (int64_t k = 0; k < taps; ++k) {
    if (weight[k] == 0) continue;
    add_tap(size, weight[k], x + k * stride, first, sum);
    first = false;
  }
  if (first)
    for (int64_t c = 0; c < size; ++c) sum[c] = 0;
}

template <Isa I, class T>
void resample_row(int64_t taps, const accumulator_t<T>* weight, int64_t c, const ResampleAxis<accumulator_t<T>>& cols,
                  const T* first, accumulator_t<T>* mixed, T* y) {
  using A = accumulator_t<T>;
  alignas(64) A sum[kChannels];
  const int64_t size = cols.in * c;
  mix(taps, weight, size, size, first, mixed);
  for (int64_t ox = 0; ox < cols.out; ++ox) {
    for (int64_t c0 = 0; c0 < c; c0 += kChannels) {
      const int64_t count = c - c0 < kChannels ? c - c0 : kChannels;
      mix(cols.taps, cols.weight + ox * cols.taps, c, count, mixed + cols.start[ox] * c + c0, sum);
      T* to = y + ox * c + c0;
#pragma omp simd
      for (int64_t i = 0; i < count; ++i) put(to + i, sum[i]);
    }
  }
}

#define FOVEA_INSTANTIATE(T)                                                     \
  template void resample_row<kIsa, T>(int64_t, const accumulator_t<T>*, int64_t, \
                                      const ResampleAxis<accumulator_t<T>>&, const T*, accumulator_t<T>*, T*);
FOVEA_INSTANTIATE(float)
FOVEA_INSTANTIATE(double)
FOVEA_INSTANTIATE(bf16)

}  // namespace fovea::kernels
