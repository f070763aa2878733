#pragma once

// Private to kernels/{optim,ema}*.cpp: a list of arrays as one list of chunks, and the loops over one chunk.
#include <algorithm>
#include <cstdint>
#include <vector>

#include <fovea/kernels/context.h>

namespace fovea::kernels {

// Elements [begin, begin + size) of arrays[array].
struct OptimChunk {
  int64_t array, begin, size;
};

// 64 KiB of f32, whatever the number of threads.
inline constexpr int64_t kChunk = 1 << 14;

template <class Array>
std::vector<OptimChunk> chunks_of(const Array* arrays, int64_t count) {
  std::vector<OptimChunk> chunks;
  for (int64_t i = 0; i < count; ++i)
    for (int64_t begin = 0; begin < arrays[i].size; begin += kChunk)
      chunks.push_back({i, begin, std::min(kChunk, arrays[i].size - begin)});
  return chunks;
}

// f(number of the chunk), shared among the threads.
template <class F>
void for_each_chunk(const std::vector<OptimChunk>& chunks, const F& f) {
  const int64_t count = int64_t(chunks.size());
#pragma omp parallel for schedule(dynamic) if (count > kParallelGrain / kChunk)
  for (int64_t i = 0; i < count; ++i) f(i);
}

}  // namespace fovea::kernels
