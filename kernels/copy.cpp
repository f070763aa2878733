#include <fovea/kernels/copy.h>

#include <algorithm>
#include <cstring>
#include <type_traits>

namespace fovea::kernels {

void copy_bytes(Cpu&, const void* from, void* to, size_t bytes) {
  constexpr size_t kChunk = size_t(1) << 18;
  if (bytes <= kChunk) {
    if (bytes) std::memcpy(to, from, bytes);
    return;
  }
  int64_t chunks = int64_t((bytes + kChunk - 1) / kChunk);
#pragma omp parallel for schedule(static)
  for (int64_t i = 0; i < chunks; ++i) {
    size_t begin = size_t(i) * kChunk;
    std::memcpy(static_cast<char*>(to) + begin, static_cast<const char*>(from) + begin, std::min(kChunk, bytes - begin));
  }
}

template <class T>
void fill(Cpu&, T* x, int64_t n, T value) {
#pragma omp parallel for simd schedule(static) if (n > kParallelGrain)
  for (int64_t i = 0; i < n; ++i) x[i] = value;
}

template <class From, class To>
static To convert(From value) {
  if constexpr (std::is_same_v<From, bf16> || std::is_same_v<To, bf16>)
    return To(float(value));
  else
    return To(value);
}

template <class From, class To>
void cast(Cpu&, const From* from, To* to, int64_t n) {
#pragma omp parallel for simd schedule(static) if (n > kParallelGrain)
  for (int64_t i = 0; i < n; ++i) to[i] = convert<From, To>(from[i]);
}

#define FOVEA_INSTANTIATE_FROM(From)                              \
  template void fill<From>(Cpu&, From*, int64_t, From);           \
  template void cast<From, float>(Cpu&, const From*, float*, int64_t);     \
  template void cast<From, double>(Cpu&, const From*, double*, int64_t);   \
  template void cast<From, bf16>(Cpu&, const From*, bf16*, int64_t);       \
  template void cast<From, int64_t>(Cpu&, const From*, int64_t*, int64_t); \
  template void cast<From, uint8_t>(Cpu&, const From*, uint8_t*, int64_t);
FOVEA_INSTANTIATE_FROM(float)
FOVEA_INSTANTIATE_FROM(double)
FOVEA_INSTANTIATE_FROM(bf16)
FOVEA_INSTANTIATE_FROM(int64_t)
FOVEA_INSTANTIATE_FROM(uint8_t)

}  // namespace fovea::kernels
