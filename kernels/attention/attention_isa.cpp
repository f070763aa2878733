#include <fovea/kernels/attention/attention_isa.h>
#include <fovea/kernels/base/softmax_isa.h>
#include <fovea/kernels/base/stores.h>

namespace fovea::kernels {

template <Isa I, class T>
void load_rows(const T* from, int64_t stride, int64_t rows, int64_t dim, accumulator_t<T>* to, int64_t ld) {
  using Acc = accumulator_t<T>;
  for (int64_t r = 0; r < rows; ++r, from += stride, to += ld) {
    for (int64_t d = 0; d < dim; ++d) to[d] = Acc(from[d]);
    for (int64_t d = dim; d < ld; ++d) to[d] = 0;
  }
}

template <Isa I, class T>
void store_rows(const accumulator_t<T>* from, int64_t ld, int64_t rows, int64_t dim, const accumulator_t<T>* factor,
                T* to, int64_t stride) {
  using Acc = accumulator_t<T>;
  for (int64_t r = 0; r < rows; ++r, from += ld, to += stride) {
    Acc by = factor ? factor[r] : Acc(1);
    for (int64_t d = 0; d < dim; ++d) put(to + d, by * from[d]);
  }
}

template <Isa I, class T>
void dot_rows(const T* a, const T* b, int64_t rows, int64_t ld, T* out) {
  for (int64_t r = 0; r < rows; ++r, a += ld, b += ld) {
    T sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t d = 0; d < ld; ++d) sum += a[d] * b[d];
    out[r] = sum;
  }
}

// s = scale s, -infinity where not allowed.
template <class T>
static void scale_row(T* s, int64_t cols, T scale, const uint8_t* mask, int64_t end) {
  const T never = -T(INFINITY);
  if (end > cols) end = cols;
  if (mask)
    for (int64_t c = 0; c < end; ++c) s[c] = mask[c] ? scale * s[c] : never;
  else
    for (int64_t c = 0; c < end; ++c) s[c] *= scale;
  for (int64_t c = end; c < cols; ++c) s[c] = never;
}

template <Isa I, class T>
void strip_softmax(T* s, int64_t ld, int64_t rows, int64_t cols, T scale, Allowed allowed, T* inverse, T* lse) {
  for (int64_t r = 0; r < rows; ++r, s += ld) {
    scale_row(s, cols, scale, allowed.mask, allowed.last + r + 1);
    T top = row_max(s, cols), sum = 0;
    if (top == -T(INFINITY)) {
      for (int64_t c = 0; c < cols; ++c) s[c] = 0;
      inverse[r] = 0, lse[r] = T(INFINITY);
      continue;
    }
#pragma omp simd reduction(+ : sum)
    for (int64_t c = 0; c < cols; ++c) sum += s[c] = math::exp(s[c] - top);
    inverse[r] = 1 / sum, lse[r] = top + math::log(sum);
  }
}

template <Isa I, class T>
void strip_probabilities(T* s, int64_t ld, int64_t rows, int64_t cols, T scale, Allowed allowed, const T* lse) {
  for (int64_t r = 0; r < rows; ++r, s += ld) {
    scale_row(s, cols, scale, allowed.mask, allowed.last + r + 1);
    for (int64_t c = 0; c < cols; ++c) s[c] = math::exp(s[c] - lse[r]);
  }
}

template <Isa I, class T>
void strip_slopes(const T* p, T* dp, int64_t ld, int64_t rows, int64_t cols, T scale, const T* delta) {
  for (int64_t r = 0; r < rows; ++r, p += ld, dp += ld)
    for (int64_t c = 0; c < cols; ++c) dp[c] = scale * p[c] * (dp[c] - delta[r]);
}

#define FOVEA_INSTANTIATE(T, Acc)                                                    \
  template void load_rows<kIsa>(const T*, int64_t, int64_t, int64_t, Acc*, int64_t); \
  template void store_rows<kIsa>(const Acc*, int64_t, int64_t, int64_t, const Acc*, T*, int64_t);
FOVEA_INSTANTIATE(float, float)
FOVEA_INSTANTIATE(double, double)
FOVEA_INSTANTIATE(bf16, float)

#define FOVEA_INSTANTIATE_STRIPS(T)                                                             \
  template void dot_rows<kIsa>(const T*, const T*, int64_t, int64_t, T*);                       \
  template void strip_softmax<kIsa>(T*, int64_t, int64_t, int64_t, T, Allowed, T*, T*);         \
  template void strip_probabilities<kIsa>(T*, int64_t, int64_t, int64_t, T, Allowed, const T*); \
  template void strip_slopes<kIsa>(const T*, T*, int64_t, int64_t, int64_t, T, const T*);
FOVEA_INSTANTIATE_STRIPS(float)
FOVEA_INSTANTIATE_STRIPS(double)

}  // namespace fovea::kernels
