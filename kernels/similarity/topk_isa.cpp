#include <fovea/kernels/base/stores.h>
#include <fovea/kernels/similarity/topk_isa.h>
#include <fovea/kernels/vector_math.h>
#if defined(__AVX512F__)
#include <immintrin.h>
#endif

namespace fovea::kernels {

template <Isa I, class T>
int64_t scan_scores(const T* s, int64_t ld, int64_t rows, int64_t cols, const T* limit, Hit* hits) {
  int64_t count = 0;
  for (int64_t r = 0; r < rows; ++r, s += ld) {
    int64_t c = 0;
#if defined(__AVX512F__)
    if constexpr (sizeof(T) == 4) {
      for (; c + 16 <= cols; c += 16) {
        unsigned above = _mm512_cmp_ps_mask(_mm512_loadu_ps(s + c), _mm512_loadu_ps(limit + c), _CMP_GT_OQ);
        for (; above; above &= above - 1) hits[count++] = {int32_t(r), int32_t(c + __builtin_ctz(above))};
      }
    }
#endif
    constexpr int64_t kGroup = 32;  // scores that are looked at together: most groups hold no hit
    for (; c < cols; c += kGroup) {
      int64_t size = cols - c < kGroup ? cols - c : kGroup;
      int above = 0;
#pragma omp simd reduction(+ : above)
      for (int64_t i = 0; i < size; ++i) above += s[c + i] > limit[c + i];
      for (int64_t i = 0; above > 0; ++i)
        if (s[c + i] > limit[c + i]) hits[count++] = {int32_t(r), int32_t(c + i)}, --above;
    }
  }
  return count;
}

template <Isa I, class T>
void lower_scores(T* s, int64_t ld, int64_t rows, int64_t cols, const T* half) {
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < cols; ++c) s[r * ld + c] -= half[r];
}

template <Isa I, class T>
void squared_norms(const T* x, int64_t rows, int64_t dim, T* norms) {
  for (int64_t r = 0; r < rows; ++r, x += dim) {
    T sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t d = 0; d < dim; ++d) sum += x[d] * x[d];
    norms[r] = sum;
  }
}

template <Isa I>
void round_rows(const float* x, int64_t rows, int64_t dim, bf16* rounded, float* norm, float* error) {
  for (int64_t r = 0; r < rows; ++r, x += dim) {
    if (rounded)
      for (int64_t d = 0; d < dim; ++d) put(rounded + r * dim + d, x[d]);
    if (!norm) continue;
    float squares = 0, lost = 0;
#pragma omp simd reduction(+ : squares, lost)
    for (int64_t d = 0; d < dim; ++d) {
      bf16 nearest;
      put(&nearest, x[d]);
      float rest = x[d] - float(nearest);
      squares += x[d] * x[d];
      lost += rest * rest;
    }
    norm[r] = math::sqrt(squares), error[r] = math::sqrt(lost);
  }
}
template void round_rows<kIsa>(const float*, int64_t, int64_t, bf16*, float*, float*);

#define FOVEA_INSTANTIATE(T)                                                               \
  template int64_t scan_scores<kIsa>(const T*, int64_t, int64_t, int64_t, const T*, Hit*); \
  template void lower_scores<kIsa>(T*, int64_t, int64_t, int64_t, const T*);               \
  template void squared_norms<kIsa>(const T*, int64_t, int64_t, T*);
FOVEA_INSTANTIATE(float)
FOVEA_INSTANTIATE(double)

}  // namespace fovea::kernels
