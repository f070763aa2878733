#pragma once

// Shared by kernels/{optim,ema}.cu: a list of arrays as a kernel's parameter, and the loop over a block's part of it.
#include <fovea/kernels/base/cuda_utils.cuh>

namespace fovea::kernels {

inline constexpr int kListThreads = 256;
inline constexpr int64_t kListChunk = 4096;  // elements of a block: four packs a thread

// A kernel may have 32,764 bytes of parameters; the list is one of them, so that it needs no memory of its own. Small
// lists come in a small struct: its bytes are copied at every launch.
inline constexpr size_t kListBytes = 32000;
template <class Array>
inline constexpr int kLargeList = kListBytes / (sizeof(Array) + sizeof(unsigned));
inline constexpr int kSmallList = 64;

// Array i is that of the blocks from first[i] to first[i + 1].
template <class Array, int Capacity>
struct ArrayList {
  Array arrays[Capacity];
  unsigned first[Capacity + 1];
  int count;

  __device__ int array_of(unsigned block) const {
    int low = 0, high = count - 1;
    while (low < high) {
      const int middle = (low + high + 1) / 2;
      if (first[middle] <= block)
        low = middle;
      else
        high = middle - 1;
    }
    return low;
  }
};

inline unsigned chunks_in(int64_t size) {
  return unsigned(ceil_div(size, kListChunk));
}

template <int Capacity, class Array>
ArrayList<Array, Capacity> list_of(const Array* arrays, int64_t count) {
  ArrayList<Array, Capacity> list;
  list.count = int(count);
  list.first[0] = 0;
  for (int64_t i = 0; i < count; ++i) {
    list.arrays[i] = arrays[i];
    list.first[i + 1] = list.first[i] + chunks_in(arrays[i].size);
  }
  return list;
}

// f(list, its number of blocks) for the whole list, or for as much of it at a time as fits.
template <class Array, class F>
void for_lists(const Array* arrays, int64_t count, const F& f) {
  constexpr int64_t kLarge = kLargeList<Array>;
  for (; count > kSmallList; arrays += kLarge, count -= kLarge) {
    const auto list = list_of<kLarge>(arrays, std::min(count, kLarge));
    f(list, list.first[list.count]);
  }
  if (count > 0) {
    const auto list = list_of<kSmallList>(arrays, count);
    f(list, list.first[list.count]);
  }
}

// A block's part of an array: `size` elements from `begin`.
struct ListChunk {
  int64_t begin, size;

  // f(v) for every element, where v has one number from each of `p`. What f leaves in the first `Changed` is written
  // back: those pointers are to writable memory.
  template <int Changed, int Count, class F>
  __device__ void for_elements(const float* const (&p)[Count], const F& f) const {
    uintptr_t bits = 0;
#pragma unroll
    for (int k = 0; k < Count; ++k) bits |= reinterpret_cast<uintptr_t>(p[k]);
    const int64_t packed = bits % 16 ? 0 : size / 4 * 4;
    for (int64_t i = begin + 4 * threadIdx.x; i < begin + packed; i += 4 * kListThreads) step<4, Changed>(p, f, i);
    for (int64_t i = begin + packed + threadIdx.x; i < begin + size; i += kListThreads) step<1, Changed>(p, f, i);
  }

 private:
  template <int N, int Changed, int Count, class F>
  __device__ static void step(const float* const (&p)[Count], const F& f, int64_t i) {
    Pack<float, N> packs[Count];
#pragma unroll
    for (int k = 0; k < Count; ++k) packs[k] = load_pack<N>(p[k] + i);
#pragma unroll
    for (int j = 0; j < N; ++j) {
      float v[Count];
#pragma unroll
      for (int k = 0; k < Count; ++k) v[k] = packs[k][j];
      f(v);
#pragma unroll
      for (int k = 0; k < Changed; ++k) packs[k][j] = v[k];
    }
#pragma unroll
    for (int k = 0; k < Changed; ++k) store_pack(const_cast<float*>(p[k]) + i, packs[k]);
  }
};

template <class Array, int Capacity>
__device__ ListChunk chunk_of(const ArrayList<Array, Capacity>& list, int array) {
  const int64_t begin = int64_t(blockIdx.x - list.first[array]) * kListChunk;
  return {begin, min(kListChunk, list.arrays[array].size - begin)};
}

}  // namespace fovea::kernels
