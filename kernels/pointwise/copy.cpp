#include <fovea/kernels/copy.h>

#include <algorithm>
#include <cstring>
#include <type_traits>

#include <fovea/kernels/base/for_each_part.h>
#include <fovea/kernels/pointwise/copy_isa.h>

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
    std::memcpy(static_cast<char*>(to) + begin, static_cast<const char*>(from) + begin,
                std::min(kChunk, bytes - begin));
  }
}

void increment(Cpu&, int64_t* x, int64_t n, int64_t by) {
#pragma omp parallel for simd schedule(static) if (n > kParallelGrain)
  for (int64_t i = 0; i < n; ++i) x[i] += by;
}

template <class T>
void fill(Cpu&, T* x, int64_t n, T value) {
#pragma omp parallel for simd schedule(static) if (n > kParallelGrain)
  for (int64_t i = 0; i < n; ++i) {
    if constexpr (std::is_same_v<T, bf16>)
      x[i].bits = value.bits;  // copies of the struct do not vectorise
    else
      x[i] = value;
  }
}

template <class From, class To>
void cast(Cpu&, const From* from, To* to, int64_t n) {
  with_isa([&]<Isa I>() {
    for_each_part(n, [&](int64_t begin, int64_t end) { cast_loop<I>(from + begin, to + begin, end - begin); });
  });
}

#define FOVEA_INSTANTIATE_FILL(T) template void fill<T>(Cpu&, T*, int64_t, T);
FOVEA_INSTANTIATE_FILL(float)
FOVEA_INSTANTIATE_FILL(double)
FOVEA_INSTANTIATE_FILL(bf16)
FOVEA_INSTANTIATE_FILL(int64_t)
FOVEA_INSTANTIATE_FILL(uint8_t)
#define FOVEA_INSTANTIATE_CAST(From, To) template void cast<From, To>(Cpu&, const From*, To*, int64_t);
FOVEA_CASTS(FOVEA_INSTANTIATE_CAST)

}  // namespace fovea::kernels
