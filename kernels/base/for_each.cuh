#pragma once

// What elementwise kernels share: values in packs, and one grid-stride loop that runs a body over an array.
#include <fovea/kernels/base/divisor.h>
#include <fovea/kernels/base/cuda_utils.cuh>

namespace fovea::kernels {

// An element as what it is computed in, and back.
template <class T>
__device__ accumulator_t<T> widened(T x) {
  if constexpr (sizeof(T) == 2)
    return to_float(x);
  else
    return x;
}
template <class T>
__device__ T narrowed(accumulator_t<T> x) {
  if constexpr (sizeof(T) == 2)
    return from_float<T>(x);
  else
    return x;
}

// N values in registers.
template <class A, int N>
struct Values {
  A value[N];
  __device__ A& operator[](int i) { return value[i]; }
  __device__ const A& operator[](int i) const { return value[i]; }
};

template <int N, class A>
__device__ Values<A, N> splat(A value) {
  Values<A, N> out;
#pragma unroll
  for (int i = 0; i < N; ++i) out[i] = value;
  return out;
}

// N neighbouring elements, N a power of two; p is aligned to their size or to 16 bytes, what is more comes in accesses
// of 16 bytes.
template <int N, class T>
__device__ Values<accumulator_t<T>, N> load_values(const T* p) {
  constexpr int kOnce = N < kPack<T> ? N : kPack<T>;
  Values<accumulator_t<T>, N> out;
#pragma unroll
  for (int begin = 0; begin < N; begin += kOnce) {
    const Pack<T, kOnce> pack = load_pack<kOnce>(p + begin);
#pragma unroll
    for (int i = 0; i < kOnce; ++i) out[begin + i] = widened(pack[i]);
  }
  return out;
}
template <class T, int N>
__device__ void store_values(T* p, const Values<accumulator_t<T>, N>& values) {
  constexpr int kOnce = N < kPack<T> ? N : kPack<T>;
#pragma unroll
  for (int begin = 0; begin < N; begin += kOnce) {
    Pack<T, kOnce> pack;
#pragma unroll
    for (int i = 0; i < kOnce; ++i) pack[i] = narrowed<T>(values[begin + i]);
    store_pack<kOnce>(p + begin, pack);
  }
}

// Whether load_values<N> and store_values may be used at p. A null pointer is.
template <int N, class T>
bool is_aligned(const T* p) {
  return reinterpret_cast<uintptr_t>(p) % (N * sizeof(T) < 16 ? N * sizeof(T) : 16) == 0;
}

// body.run<N>(i) does the elements [i, i + N): first `packs` packs of Body::kN, then the rest one by one.
template <class Body>
__global__ void for_each_kernel(const __grid_constant__ Body body, int64_t packs, int64_t n) {
  const int64_t first = int64_t(blockIdx.x) * blockDim.x + threadIdx.x, step = int64_t(gridDim.x) * blockDim.x;
  for (int64_t p = first; p < packs; p += step) body.template run<Body::kN>(p * Body::kN);
  for (int64_t i = packs * Body::kN + first; i < n; i += step) body.template run<1>(i);
}
// `packed`: every pointer of the body is aligned for packs, and no pack crosses the end of a row where that matters.
template <class Body>
void for_each(Cuda& ctx, const Body& body, int64_t n, bool packed) {
  constexpr int kThreads = 256;
  const int64_t packs = packed ? n / Body::kN : 0;
  launch(ctx, for_each_kernel<Body>, grid_for(ctx, std::max(packs, n - packs * Body::kN), kThreads), kThreads, 0, body,
         packs, n);
}

}  // namespace fovea::kernels
