#include <fovea/kernels/image_loops.h>

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

constexpr int kWeightBits = 22;
constexpr int kHalf = 1 << (kWeightBits - 1);

inline uint8_t clamp_byte(float v) {
  return uint8_t(v < 0 ? 0 : v > 255 ? 255.0f : v);
}

inline int gray_level(int r, int g, int b) {
  return (r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16;
}

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
    store4(out0 + 3 * i, sum0 >> kWeightBits);
    store4(out1 + 3 * i, sum1 >> kWeightBits);
    store4(out2 + 3 * i, sum2 >> kWeightBits);
    store4(out3 + 3 * i, sum3 >> kWeightBits);
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
    store_bytes(out + i, low >> kWeightBits);
    store_bytes(out + i + kLanes, high >> kWeightBits);
  }
}

template <Isa I>
void blend_constant_loop(uint8_t* x, int64_t n, int c, float a) {
  const float base = float(c);
  for (int64_t i = 0; i < n; ++i) x[i] = clamp_byte(base + a * float(int(x[i]) - c));
}

template <Isa I>
void blend_gray_loop(uint8_t* x, int64_t pixels, float a) {
  for_each_block(x, pixels, [a](Planes& p) {
    for (int i = 0; i < kBlock; ++i) {
      const int gray = gray_level(p.r[i], p.g[i], p.b[i]);
      p.r[i] = clamp_byte(float(gray) + a * float(p.r[i] - gray));
      p.g[i] = clamp_byte(float(gray) + a * float(p.g[i] - gray));
      p.b[i] = clamp_byte(float(gray) + a * float(p.b[i] - gray));
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

// PIL's rgb2hsv and hsv2rgb without branches. Hue there is a chain of float and double roundings before it is cut to 8
// bits, where one unit is up to six levels of a channel, so that chain is kept as it is; with q = (max - middle) / (max
// - min) it is one of q - 1, 1 - q, 1 + q, 3 - q, 3 + q, 5 - q sixths of the circle. Back, a channel is v (1 - s w), w
// its distance from its own sector, held in [0, 1].
template <Isa I>
void shift_hue_loop(uint8_t* x, int64_t pixels, int shift) {
  for_each_block(x, pixels, [shift](Planes& p) {
    for (int i = 0; i < kBlock; ++i) {
      const int r = p.r[i], g = p.g[i], b = p.b[i];
      const int rg = r > g ? r : g, max = rg > b ? rg : b, low = r < g ? r : g, min = low < b ? low : b;
      const int spread = max - min, middle = r + g + b - max - min;
      const float chroma = float(spread > 0 ? spread : 1);
      const float q = float(max - middle) / chroma;
      const bool red = r == max, green = !red && g == max, blue = !red && !green;
      const bool plus = (green && b == min && b <= r) || (blue && r == min && r <= g);
      const bool red_minus = red && g <= b;
      const float base = red ? (red_minus ? -1.0f : 1.0f) : green ? (plus ? 1.0f : 3.0f) : (plus ? 3.0f : 5.0f);
      const float sixths = plus || red_minus ? base + q : base - q;
      double turn = double(sixths) * (1.0 / 6.0) + 1.0;
      turn = turn >= 1.0 ? turn - 1.0 : turn;
      const int hue = int(double(float(turn)) * 255.0);
      const float value = float(max);
      const int saturation = int(double(float(spread) / (max > 0 ? value : 1.0f)) * 255.0);

      const int turned = ((hue + shift) & 255) * 6;  // 1530 is a full circle
      const float s = float(saturation) * (1.0f / 255.0f);
      auto channel = [&](int offset) {
        int k = turned + offset;
        k = k >= 1530 ? k - 1530 : k;
        k = k >= 1530 ? k - 1530 : k;
        int w = k < 1020 - k ? k : 1020 - k;
        w = w < 0 ? 0 : w > 255 ? 255 : w;
        return uint8_t(value * (1.0f - s * (float(w) * (1.0f / 255.0f))) + 0.5f);
      };
      p.r[i] = channel(1275);
      p.g[i] = channel(765);
      p.b[i] = channel(255);
    }
  });
}

template <Isa I>
void solarize_loop(uint8_t* x, int64_t n, int threshold) {
  for (int64_t i = 0; i < n; ++i) x[i] = uint8_t(int(x[i]) < threshold ? x[i] : 255 - x[i]);
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
