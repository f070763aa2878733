#pragma once

// Private to kernels/*_isa.cpp: stores, of any activation type and around the caches.
#include <cstdint>
#include <cstring>
#if defined(__SSE2__)
#include <immintrin.h>
#endif

#include <fovea/kernels/bf16.h>
#include <fovea/kernels/isa.h>

namespace fovea::kernels {

// *to = value, rounded for bf16. Unlike an assignment of a bf16 object, this vectorises.
static inline void put(float* to, float value) {
  *to = value;
}
static inline void put(double* to, double value) {
  *to = value;
}
static inline void put(bf16* to, float value) {
  uint32_t u;
  memcpy(&u, &value, 4);
  uint32_t rounded = (u + 0x7fffu + ((u >> 16) & 1u)) >> 16, quiet_nan = (u >> 16) | 0x40u;
  to->bits = uint16_t((u & 0x7fffffffu) > 0x7f800000u ? quiet_nan : rounded);
}

// Results larger than this are evicted before anything reads them again; written with stream_copy() they cost one
// transfer to memory instead of the read and write of an ordinary store.
inline constexpr int64_t kStreamBytes = int64_t(24) << 20;

// Copies `bytes` from a small buffer to memory around the caches. stream_fence() makes such stores visible to others.
template <Isa I>
static inline void stream_copy(void* to, const void* from, int64_t bytes) {
  char* d = static_cast<char*>(to);
  const char* s = static_cast<const char*>(from);
#if defined(__SSE2__)
  int64_t head = int64_t(-reinterpret_cast<uintptr_t>(d) & 63);
  if (head > bytes) head = bytes;
  if (head) memcpy(d, s, size_t(head));
  int64_t i = head;
  for (; i + 64 <= bytes; i += 64) {
#if defined(__AVX512F__)
    _mm512_stream_si512(reinterpret_cast<__m512i*>(d + i), _mm512_loadu_si512(s + i));
#elif defined(__AVX2__)
    for (int k = 0; k < 64; k += 32)
      _mm256_stream_si256(reinterpret_cast<__m256i*>(d + i + k),
                          _mm256_loadu_si256(reinterpret_cast<const __m256i*>(s + i + k)));
#else
    for (int k = 0; k < 64; k += 16)
      _mm_stream_si128(reinterpret_cast<__m128i*>(d + i + k),
                       _mm_loadu_si128(reinterpret_cast<const __m128i*>(s + i + k)));
#endif
  }
  if (i < bytes) memcpy(d + i, s + i, size_t(bytes - i));
#else
  memcpy(d, s, size_t(bytes));
#endif
}

static inline void stream_fence() {
#if defined(__SSE2__)
  _mm_sfence();
#endif
}

}  // namespace fovea::kernels
