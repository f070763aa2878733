#include <fovea/kernels/image/image_isa.h>
#include <fovea/kernels/image/pixels.h>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace fovea::kernels {
namespace {

#if defined(__AVX512F__)
constexpr int kLanes = 16;
#elif defined(__AVX2__)
constexpr int kLanes = 8;
#else
constexpr int kLanes = 4;
#endif
using Ints = int32_t __attribute__((vector_size(4 * kLanes)));
using Floats = float __attribute__((vector_size(4 * kLanes)));
using Ints4 = int32_t __attribute__((vector_size(16)));  // a pixel and a byte of the next

template <class T>
inline T load(const void* p) {
  T value;
  __builtin_memcpy(&value, p, sizeof value);
  return value;
}

template <class T>
inline void store(void* p, T value) {
  __builtin_memcpy(p, &value, sizeof value);
}

// Four bytes as integers, and integers clamped to four bytes.
inline Ints4 widen4(const uint8_t* p) {
#if defined(__SSE4_1__)
  return Ints4(_mm_cvtepu8_epi32(_mm_cvtsi32_si128(load<int>(p))));
#elif defined(__SSE2__)
  const __m128i zero = _mm_setzero_si128();
  return Ints4(_mm_unpacklo_epi16(_mm_unpacklo_epi8(_mm_cvtsi32_si128(load<int>(p)), zero), zero));
#else
  return Ints4{p[0], p[1], p[2], p[3]};
#endif
}

inline void store4(uint8_t* p, Ints4 v) {
#if defined(__SSE2__)
  const __m128i words = _mm_packs_epi32(__m128i(v), __m128i(v));
  store(p, _mm_cvtsi128_si32(_mm_packus_epi16(words, words)));
#else
  for (int i = 0; i < 4; ++i) p[i] = uint8_t(v[i] < 0 ? 0 : v[i] > 255 ? 255 : v[i]);
#endif
}

// The same with kLanes bytes. GCC's own conversion of byte vectors goes through single elements.
inline Ints widen(const uint8_t* p) {
#if defined(__AVX512F__)
  return Ints(_mm512_cvtepu8_epi32(load<__m128i>(p)));
#elif defined(__AVX2__)
  return Ints(_mm256_cvtepu8_epi32(_mm_cvtsi64_si128(load<long long>(p))));
#else
  return widen4(p);
#endif
}

inline void store_bytes(uint8_t* p, Ints v) {
#if defined(__AVX512F__)
  store(p, _mm512_cvtusepi32_epi8(_mm512_max_epi32(__m512i(v), _mm512_setzero_si512())));
#elif defined(__AVX2__)
  const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(__m256i(v)), _mm256_extracti128_si256(__m256i(v), 1));
  store(p, _mm_cvtsi128_si64(_mm_packus_epi16(words, words)));
#else
  store4(p, v);
#endif
}

inline Floats floats(Ints v) {
  return __builtin_convertvector(v, Floats);
}

constexpr int kHalf = 1 << (kResizeBits - 1);

// Pixels are taken apart into planes this many at a time.
constexpr int kBlock = 64;
struct Planes {
  alignas(64) uint8_t r[kBlock], g[kBlock], b[kBlock];
};

inline void split(const uint8_t* x, int n, Planes& p) {
  for (int i = 0; i < n; ++i) p.r[i] = x[3 * i], p.g[i] = x[3 * i + 1], p.b[i] = x[3 * i + 2];
}

inline void join(const Planes& p, int n, uint8_t* x) {
  for (int i = 0; i < n; ++i) x[3 * i] = p.r[i], x[3 * i + 1] = p.g[i], x[3 * i + 2] = p.b[i];
}

// Calls body(planes) for each block; the last one holds old values beyond the image, which are computed and dropped.
template <class F>
inline void for_each_block(uint8_t* x, int64_t pixels, F body) {
  Planes planes = {};
  int64_t i = 0;
  for (; i + kBlock <= pixels; i += kBlock) {
    split(x + 3 * i, kBlock, planes);
    body(planes);
    join(planes, kBlock, x + 3 * i);
  }
  if (i < pixels) {
    split(x + 3 * i, int(pixels - i), planes);
    body(planes);
    join(planes, int(pixels - i), x + 3 * i);
  }
}

}  // namespace

template <Isa I>
void resize_four_rows(const uint8_t* const in[4], uint8_t* const out[4], const ResizeAxis& axis) {
  const uint8_t *in0 = in[0], *in1 = in[1], *in2 = in[2], *in3 = in[3];
  uint8_t *out0 = out[0], *out1 = out[1], *out2 = out[2], *out3 = out[3];
  for (int i = 0; i < axis.size; ++i) {
    const int32_t* weight = axis.weight + int64_t(i) * axis.taps;
    int64_t at = int64_t(axis.first[i]) * 3;
    Ints4 sum0 = Ints4{} + kHalf, sum1 = sum0, sum2 = sum0, sum3 = sum0;
    for (int k = 0; k < axis.count[i]; ++k, at += 3) {
      const Ints4 w = Ints4{} + weight[k];
      sum0 += widen4(in0 + at) * w;
      sum1 += widen4(in1 + at) * w;
      sum2 += widen4(in2 + at) * w;
      sum3 += widen4(in3 + at) * w;
    }
    store4(out0 + 3 * i, sum0 >> kResizeBits);
    store4(out1 + 3 * i, sum1 >> kResizeBits);
    store4(out2 + 3 * i, sum2 >> kResizeBits);
    store4(out3 + 3 * i, sum3 >> kResizeBits);
  }
}

template <Isa I>
void resize_column(const uint8_t* in, int64_t stride, int count, const int32_t* weight, uint8_t* out, int64_t n) {
  for (int64_t i = 0; i < n; i += 2 * kLanes) {
    Ints low = Ints{} + kHalf, high = low;
    const uint8_t* p = in + i;
    for (int k = 0; k < count; ++k, p += stride) {
      low += widen(p) * weight[k];
      high += widen(p + kLanes) * weight[k];
    }
    store_bytes(out + i, low >> kResizeBits);
    store_bytes(out + i + kLanes, high >> kResizeBits);
  }
}

template <Isa I>
void blend_constant_loop(uint8_t* x, int64_t n, int c, float a) {
  for (int64_t i = 0; i < n; ++i) x[i] = blend_byte(x[i], c, a);
}

template <Isa I>
void blend_gray_loop(uint8_t* x, int64_t pixels, float a) {
  for_each_block(x, pixels, [a](Planes& p) {
    for (int i = 0; i < kBlock; ++i) {
      const int gray = gray_level(p.r[i], p.g[i], p.b[i]);
      p.r[i] = blend_byte(p.r[i], gray, a);
      p.g[i] = blend_byte(p.g[i], gray, a);
      p.b[i] = blend_byte(p.b[i], gray, a);
    }
  });
}

template <Isa I>
int64_t gray_sum_loop(const uint8_t* x, int64_t pixels) {
  int64_t sum = 0;
  Planes p = {};
  for (int64_t i = 0; i < pixels; i += kBlock) {
    const int n = pixels - i < kBlock ? int(pixels - i) : kBlock;
    if (n == kBlock)
      split(x + 3 * i, kBlock, p);
    else
      p = {}, split(x + 3 * i, n, p);
    int part = 0;
    for (int j = 0; j < kBlock; ++j) part += gray_level(p.r[j], p.g[j], p.b[j]);
    sum += part;
  }
  return sum;
}

template <Isa I>
void to_gray_loop(uint8_t* x, int64_t pixels) {
  for_each_block(x, pixels, [](Planes& p) {
    for (int i = 0; i < kBlock; ++i) p.r[i] = p.g[i] = p.b[i] = uint8_t(gray_level(p.r[i], p.g[i], p.b[i]));
  });
}

template <Isa I>
void shift_hue_loop(uint8_t* x, int64_t pixels, int shift) {
  for_each_block(x, pixels, [shift](Planes& p) {
    for (int i = 0; i < kBlock; ++i) {
      const Rgb turned = shift_hue_pixel(p.r[i], p.g[i], p.b[i], shift);
      p.r[i] = uint8_t(turned.r), p.g[i] = uint8_t(turned.g), p.b[i] = uint8_t(turned.b);
    }
  });
}

template <Isa I>
void solarize_loop(uint8_t* x, int64_t n, int threshold) {
  for (int64_t i = 0; i < n; ++i) x[i] = solarize_byte(x[i], threshold);
}

template <Isa I>
void blur_column(const uint8_t* const* rows, const float* weight, int radius, float* out, int64_t n) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    Floats sum = floats(widen(rows[0] + i)) * weight[0];
    for (int k = 1; k <= radius; ++k) sum += floats(widen(rows[2 * k - 1] + i) + widen(rows[2 * k] + i)) * weight[k];
    store(out + i, sum);
  }
  for (; i < n; ++i) {
    float sum = float(rows[0][i]) * weight[0];
    for (int k = 1; k <= radius; ++k) sum += float(int(rows[2 * k - 1][i]) + int(rows[2 * k][i])) * weight[k];
    out[i] = sum;
  }
}

template <Isa I>
void blur_row(const float* in, const float* weight, int radius, uint8_t* out, int64_t n) {
  // Adding 1.5 * 2^23 rounds a small float to the nearest even integer, which its low bits then hold.
  constexpr float kRound = 12582912.0f;
  constexpr int32_t kRoundBits = 0x4B400000;
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    Floats sum = load<Floats>(in + i) * weight[0];
    for (int k = 1; k <= radius; ++k) sum += (load<Floats>(in + i - 3 * k) + load<Floats>(in + i + 3 * k)) * weight[k];
    store_bytes(out + i, Ints(sum + kRound) - kRoundBits);
  }
  for (; i < n; ++i) {
    float sum = in[i] * weight[0];
    for (int k = 1; k <= radius; ++k) sum += (in[i - 3 * k] + in[i + 3 * k]) * weight[k];
    const float rounded = sum + kRound;
    out[i] = clamp_byte(rounded - kRound);
  }
}

template <Isa I>
void normalize_loop(const uint8_t* x, float* out, int64_t pixels, const float* scale, const float* bias) {
  // A vector's worth of each channel's constants, for three vectors: then the channels are in step again.
  float scales[3 * kLanes], biases[3 * kLanes];
  for (int i = 0; i < 3 * kLanes; ++i) scales[i] = scale[i % 3], biases[i] = bias[i % 3];
  const int64_t n = pixels * 3;
  int64_t i = 0;
  for (; i + 3 * kLanes <= n; i += 3 * kLanes)
    for (int j = 0; j < 3 * kLanes; j += kLanes)
      store(out + i + j, floats(widen(x + i + j)) * load<Floats>(scales + j) + load<Floats>(biases + j));
  for (; i < n; ++i) out[i] = float(x[i]) * scale[i % 3] + bias[i % 3];
}

template void resize_four_rows<kIsa>(const uint8_t* const[4], uint8_t* const[4], const ResizeAxis&);
template void resize_column<kIsa>(const uint8_t*, int64_t, int, const int32_t*, uint8_t*, int64_t);
template void blend_constant_loop<kIsa>(uint8_t*, int64_t, int, float);
template void blend_gray_loop<kIsa>(uint8_t*, int64_t, float);
template int64_t gray_sum_loop<kIsa>(const uint8_t*, int64_t);
template void to_gray_loop<kIsa>(uint8_t*, int64_t);
template void shift_hue_loop<kIsa>(uint8_t*, int64_t, int);
template void solarize_loop<kIsa>(uint8_t*, int64_t, int);
template void blur_column<kIsa>(const uint8_t* const*, const float*, int, float*, int64_t);
template void blur_row<kIsa>(const float*, const float*, int, uint8_t*, int64_t);
template void normalize_loop<kIsa>(const uint8_t*, float*, int64_t, const float*, const float*);

}  // namespace fovea::kernels
