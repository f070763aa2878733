#pragma once

#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include <algorithm>
#include <cstdint>

#include <fovea/kernels/base/cuda_check.h>
#include <fovea/kernels/bf16.h>
#include <fovea/kernels/context.h>

// What the kernels share: launches, reductions over a warp or a block, 16-byte accesses.
namespace fovea::kernels {

inline constexpr int kWarp = 32;
inline constexpr unsigned kAllLanes = 0xffffffffu;

template <class I>
__host__ __device__ constexpr I ceil_div(I a, I b) {
  return (a + b - 1) / b;
}

// Starts `kernel` on the context's stream and checks that it started. A grid without blocks is no work.
template <class... Parameters, class... Arguments>
void launch(Cuda& ctx, void (*kernel)(Parameters...), dim3 grid, dim3 block, size_t shared_bytes,
            Arguments&&... arguments) {
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return;
  if (shared_bytes > 32 * 1024)  // more than 48 KiB, with the kernel's static memory, must be asked for
    FOVEA_CUDA_CHECK(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, int(shared_bytes)));
  kernel<<<grid, block, shared_bytes, ctx.stream>>>(std::forward<Arguments>(arguments)...);
  FOVEA_CUDA_CHECK(cudaGetLastError());
}

// Blocks for a grid-stride loop over n items, `per_block` at once: enough to fill the device, no more.
inline unsigned grid_for(const Cuda& ctx, int64_t n, int64_t per_block, int blocks_per_multiprocessor = 8) {
  return unsigned(std::min<int64_t>(ceil_div(n, per_block), int64_t(ctx.multiprocessors) * blocks_per_multiprocessor));
}

// __syncthreads() of whole warps: lanes that come out of a branch or a loop before the others wait for these first.
__device__ inline void block_barrier() {
  __syncwarp();
  __syncthreads();
}

// N neighbouring elements, one access where they are aligned: Pack<float, 4> and Pack<bf16, 8> are 16 bytes.
template <class T, int N>
struct alignas(sizeof(T) * N) Pack {
  T value[N];
  __device__ T& operator[](int i) { return value[i]; }
  __device__ const T& operator[](int i) const { return value[i]; }
};
template <class T>
inline constexpr int kPack = 16 / sizeof(T);

template <int N, class T>
__device__ Pack<T, N> load_pack(const T* p) {
  return *reinterpret_cast<const Pack<T, N>*>(p);
}
// One access: left to itself the compiler makes N stores of some.
template <int N, class T>
__device__ void store_pack(T* p, const Pack<T, N>& pack) {
  if constexpr (sizeof(pack) == 16)
    __stwb(reinterpret_cast<uint4*>(p), reinterpret_cast<const uint4&>(pack));
  else if constexpr (sizeof(pack) == 8)
    __stwb(reinterpret_cast<uint2*>(p), reinterpret_cast<const uint2&>(pack));
  else
    *reinterpret_cast<Pack<T, N>*>(p) = pack;
}
// Whether all pointers and the row length (in elements of T) allow packs.
template <class T, class... Pointers>
bool allows_packs(int64_t cols, const Pointers*... pointers) {
  return cols % kPack<T> == 0 && ((reinterpret_cast<uintptr_t>(pointers) % 16 == 0) && ...);
}

// float <-> bf16 by the hardware's conversions (round to nearest even).
__device__ inline float to_float(float x) {
  return x;
}
__device__ inline float to_float(bf16 x) {
  return __uint_as_float(uint32_t(x.bits) << 16);
}
template <class T>
__device__ T from_float(float x) {
  if constexpr (sizeof(T) == 2) {
    bf16 y;
    y.bits = __bfloat16_as_ushort(__float2bfloat16_rn(x));
    return y;
  } else {
    return x;
  }
}

struct SumOf {
  template <class T>
  __device__ T operator()(T a, T b) const {
    return a + b;
  }
};
struct MaxOf {  // NaN if either is
  __device__ float operator()(float a, float b) const { return (a > b) | (a != a) ? a : b; }
};

// The combination of all lanes' values, in every lane; lanes in the order of a butterfly, the same every time.
template <class T, class Combine = SumOf>
__device__ T warp_reduce(T v, Combine combine = {}) {
#pragma unroll
  for (int offset = kWarp / 2; offset > 0; offset /= 2) v = combine(v, __shfl_xor_sync(kAllLanes, v, offset));
  return v;
}

// The combination of all threads' values, in every thread of a block of kThreads threads (whole warps, 1024 at most).
// `shared` holds kThreads / 32 values; the block may use it again after its next barrier.
template <int kThreads, class T, class Combine = SumOf>
__device__ T block_reduce(T v, T* shared, Combine combine = {}) {
  constexpr int kWarps = kThreads / kWarp;
  static_assert(kThreads % kWarp == 0 && kWarps <= kWarp);
  v = warp_reduce(v, combine);
  if constexpr (kWarps == 1) return v;
  if (threadIdx.x % kWarp == 0) shared[threadIdx.x / kWarp] = v;
  __syncthreads();
  T total = shared[0];
#pragma unroll
  for (int i = 1; i < kWarps; ++i) total = combine(total, shared[i]);
  return total;
}

}  // namespace fovea::kernels
