// Copies within and between host and device, constant fills and casts: each moves its bytes once.
#include <cstring>

#include <fovea/kernels/copy.h>
#include <fovea/kernels/base/for_each.cuh>

namespace fovea::kernels {

void copy_bytes(Cuda& ctx, const void* from, void* to, size_t bytes) {
  if (bytes) FOVEA_CUDA_CHECK(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, ctx.stream));
}
void upload(Cuda& ctx, const void* host, void* device, size_t bytes) {
  if (ctx.capturing)
    throw std::runtime_error("cuda: what is recorded as a graph must not copy from the CPU; make its inputs before");
  if (bytes) FOVEA_CUDA_CHECK(cudaMemcpyAsync(device, host, bytes, cudaMemcpyHostToDevice, ctx.stream));
}
void download(Cuda& ctx, const void* device, void* host, size_t bytes) {
  if (bytes) FOVEA_CUDA_CHECK(cudaMemcpyAsync(host, device, bytes, cudaMemcpyDeviceToHost, ctx.stream));
  synchronize(ctx);
}

struct ArgumentBytes {
  uint8_t value[1024];
};
__global__ void put_kernel(const __grid_constant__ ArgumentBytes bytes, uint8_t* device) {
  device[threadIdx.x] = bytes.value[threadIdx.x];
}
void put(Cuda& ctx, const void* host, void* device, size_t bytes) {
  ArgumentBytes some;
  for (size_t i = 0; i < bytes; i += sizeof(some)) {
    const size_t count = std::min(bytes - i, sizeof(some));
    std::memcpy(some.value, static_cast<const uint8_t*>(host) + i, count);
    launch(ctx, put_kernel, 1, unsigned(count), 0, some, static_cast<uint8_t*>(device) + i);
  }
}

__global__ void increment_kernel(int64_t* x, int64_t n, int64_t by) {
  for (int64_t i = int64_t(blockIdx.x) * blockDim.x + threadIdx.x; i < n; i += int64_t(gridDim.x) * blockDim.x)
    x[i] += by;
}
void increment(Cuda& ctx, int64_t* x, int64_t n, int64_t by) {
  launch(ctx, increment_kernel, grid_for(ctx, n, 256), 256, 0, x, n, by);
}

template <class T>
struct FillWith {
  static constexpr int kN = kPack<T>;
  T* x;
  T value;
  template <int N>
  __device__ void run(int64_t i) const {
    store_values(x + i, splat<N>(widened(value)));
  }
};
template <class T>
void fill(Cuda& ctx, T* x, int64_t n, T value) {
  for_each(ctx, FillWith<T>{x, value}, n, is_aligned<kPack<T>>(x));
}

template <class From, class To>
struct CastBody {
  static constexpr int kN = std::min(kPack<From>, kPack<To>);
  const From* from;
  To* to;
  template <int N>
  __device__ void run(int64_t i) const {
    const auto values = load_values<N>(from + i);
    Values<accumulator_t<To>, N> out;
#pragma unroll
    for (int k = 0; k < N; ++k) out[k] = accumulator_t<To>(values[k]);
    store_values(to + i, out);
  }
};
template <class From, class To>
void cast(Cuda& ctx, const From* from, To* to, int64_t n) {
  constexpr int N = CastBody<From, To>::kN;
  for_each(ctx, CastBody<From, To>{from, to}, n, is_aligned<N>(from) && is_aligned<N>(to));
}

#define FOVEA_INSTANTIATE(T)                              \
  template void fill(Cuda&, T*, int64_t, T);              \
  template void cast(Cuda&, const T*, float*, int64_t);   \
  template void cast(Cuda&, const T*, bf16*, int64_t);    \
  template void cast(Cuda&, const T*, int64_t*, int64_t); \
  template void cast(Cuda&, const T*, uint8_t*, int64_t)
FOVEA_INSTANTIATE(float);
FOVEA_INSTANTIATE(bf16);
FOVEA_INSTANTIATE(int64_t);
FOVEA_INSTANTIATE(uint8_t);

}  // namespace fovea::kernels
