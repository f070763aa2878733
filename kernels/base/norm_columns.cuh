#pragma once

// Shared by kernels/{norm*,low_rank}.cu: what belongs to columns.
#include <fovea/kernels/base/cuda_utils.cuh>

namespace fovea::kernels {

// N neighbouring numbers of p, `otherwise` each if p is null. N is 1, or a multiple of 4 and p aligned to 16 bytes.
template <int N>
__device__ void load_floats(const float* p, float otherwise, float (&out)[N]) {
  if constexpr (N == 1) {
    out[0] = p ? *p : otherwise;
  } else {
#pragma unroll
    for (int i = 0; i < N; i += 4) {
      Pack<float, 4> pack{otherwise, otherwise, otherwise, otherwise};
      if (p) pack = load_pack<4>(p + i);
#pragma unroll
      for (int j = 0; j < 4; ++j) out[i + j] = pack[j];
    }
  }
}
template <int N>
__device__ void store_floats(float* p, const float (&in)[N]) {
  if constexpr (N == 1) {
    *p = in[0];
  } else {
#pragma unroll
    for (int i = 0; i < N; i += 4) store_pack(p + i, Pack<float, 4>{in[i], in[i + 1], in[i + 2], in[i + 3]});
  }
}

// Gives every thread of a column (threadIdx.y) the numbers that its first one has. `shared` holds an array for each.
template <int N, int kLanes, class... Arrays>
__device__ void share_columns(float (*shared)[N][kLanes], Arrays&... arrays) {
  int i = 0;
  auto write = [&](const float(&array)[N]) {
#pragma unroll
    for (int j = 0; j < N; ++j) shared[i][j][threadIdx.x] = array[j];
    ++i;
  };
  auto read = [&](float(&array)[N]) {
#pragma unroll
    for (int j = 0; j < N; ++j) array[j] = shared[i][j][threadIdx.x];
    ++i;
  };
  if (threadIdx.y == 0) (write(arrays), ...);
  block_barrier();
  i = 0;
  (read(arrays), ...);
}

// In a block of 32 x 32 threads: the sums over threadIdx.y of the values of column threadIdx.x = i go to all threads
// with threadIdx.y = i.
template <int Count>
__device__ void sum_over_y(double (&values)[Count]) {
  __shared__ double shared[Count][kWarp][kWarp + 1];
#pragma unroll
  for (int i = 0; i < Count; ++i) shared[i][threadIdx.y][threadIdx.x] = values[i];
  block_barrier();
#pragma unroll
  for (int i = 0; i < Count; ++i) values[i] = warp_reduce(shared[i][threadIdx.x][threadIdx.y]);
}

// Two sums for each of N columns over the threads of a column (threadIdx.y; a power of two of them), joined by a tree;
// valid where threadIdx.y = 0. `shared` holds a number for every thread and sum.
template <int N, int kThreads>
__device__ void sum_columns(float (&a)[N], float (&b)[N], float (&shared)[2][N][kThreads]) {
  for (unsigned half = blockDim.y / 2; half > 0; half /= 2) {
    const unsigned place = threadIdx.y % half * blockDim.x + threadIdx.x;
    if (threadIdx.y >= half && threadIdx.y < 2 * half) {
#pragma unroll
      for (int j = 0; j < N; ++j) shared[0][j][place] = a[j], shared[1][j][place] = b[j];
    }
    block_barrier();
    if (threadIdx.y < half) {
#pragma unroll
      for (int j = 0; j < N; ++j) a[j] += shared[0][j][place], b[j] += shared[1][j][place];
    }
    block_barrier();
  }
}

}  // namespace fovea::kernels
