// The inverse Cholesky factor of small matrices: a block takes one, its lower triangle packed in shared memory
// (n (n + 1) / 2 floats: 129 KiB for n = 256), and eliminates on [s | I] in that place. When step k begins, the
// triangle holds the inverse's rows before k, what is left of s behind them. Step k divides row k and column k by the
// root of the pivot, keeps both as one vector of factors, and takes column[i] factors[j] off every element (i, j) of
// the rows below: that is the Cholesky update right of column k and the forward substitution left of it. A warp takes a
// row, its lanes neighbouring columns: no two lanes share a bank. Two barriers a step.
#include <cmath>

#include <fovea/kernels/cholesky.h>
#include <fovea/kernels/base/cuda_utils.cuh>

namespace fovea::kernels {
namespace {

constexpr int kThreads = 1024;

__device__ int64_t triangle(int64_t i) {
  return i * (i + 1) / 2;
}

__global__ void __launch_bounds__(kThreads)
    cholesky_inverse_kernel(int n, float scale, float shift, const float* s, float* w) {
  extern __shared__ float shared[];
  float *factors = shared, *m = shared + n;
  const int warp = threadIdx.x / kWarp, lane = threadIdx.x % kWarp, warps = blockDim.x / kWarp;
  s += blockIdx.x * int64_t(n) * n, w += blockIdx.x * int64_t(n) * n;
  for (int i = warp; i < n; i += warps)
    for (int j = lane; j <= i; j += kWarp) m[triangle(i) + j] = scale * s[i * n + j] + (i == j ? shift : 0.0f);
  block_barrier();
  for (int k = 0; k < n; ++k) {
    float *row = m + triangle(k), pivot = row[k];
    const float inverse = pivot > 0 ? 1 / sqrtf(pivot) : NAN;
    for (int j = threadIdx.x; j < n; j += blockDim.x) {
      if (j > k) {
        factors[j] = m[triangle(j) + k] * inverse;
        m[triangle(j) + k] = 0;
      } else if (j == k) {
        factors[j] = inverse;
      } else {
        factors[j] = row[j] *= inverse;
      }
    }
    block_barrier();
    if (threadIdx.x == 0) row[k] = inverse;
    for (int i = k + 1 + warp; i < n; i += warps) {
      const float c = factors[i];
      float* below = m + triangle(i);
      for (int j = lane; j <= i; j += kWarp) below[j] -= c * factors[j];
    }
    block_barrier();
  }
  for (int i = warp; i < n; i += warps)
    for (int j = lane; j < n; j += kWarp) w[i * n + j] = j <= i ? m[triangle(i) + j] : 0.0f;
}

// A block mirrors a tile below (or on) the diagonal through shared memory.
constexpr int kTile = 32, kTileRows = 8;

__global__ void mirror_lower_kernel(int64_t n, float* a) {
  __shared__ float tile[kTile][kTile + 1];
  if (blockIdx.x > blockIdx.y) return;
  a += blockIdx.z * n * n;
  for (int r = threadIdx.y; r < kTile; r += kTileRows) {
    const int64_t i = int64_t(blockIdx.y) * kTile + r, j = int64_t(blockIdx.x) * kTile + threadIdx.x;
    if (i < n && j < i) tile[r][threadIdx.x] = a[i * n + j];
  }
  block_barrier();
  for (int r = threadIdx.y; r < kTile; r += kTileRows) {
    const int64_t i = int64_t(blockIdx.x) * kTile + r, j = int64_t(blockIdx.y) * kTile + threadIdx.x;
    if (j < n && j > i) a[i * n + j] = tile[threadIdx.x][r];
  }
}

}  // namespace

template <class T>
void cholesky_inverse(Cuda& ctx, int64_t count, int64_t n, double scale, double shift, const T* s, T* w) {
  if (n == 0) return;
  const size_t bytes = size_t(n + n * (n + 1) / 2) * sizeof(T);
  const unsigned threads = unsigned(std::min<int64_t>(kThreads, ceil_div<int64_t>(n, 4) * kWarp));
  launch(ctx, cholesky_inverse_kernel, unsigned(count), threads, bytes, int(n), float(scale), float(shift), s, w);
}
template void cholesky_inverse<float>(Cuda&, int64_t, int64_t, double, double, const float*, float*);

template <class T>
void mirror_lower(Cuda& ctx, int64_t count, int64_t n, T* a) {
  const unsigned tiles = unsigned(ceil_div<int64_t>(n, kTile));
  launch(ctx, mirror_lower_kernel, dim3(tiles, tiles, unsigned(count)), dim3(kTile, kTileRows), 0, n, a);
}
template void mirror_lower<float>(Cuda&, int64_t, int64_t, float*);

}  // namespace fovea::kernels
