// k-means: the assignment is top-k with k = 1; the update adds rows up without atomics.
//
// A block owns one centre and 128 dimensions. Its warps look at the labels of a part of the rows each, 32 at a time,
// and add the rows that are theirs, in rising order, in f32 registers; the warps' sums join in order. Rows are read
// once, in whole sectors; labels once a centre, from L2.
#include <fovea/kernels/kmeans.h>
#include <fovea/kernels/topk.h>
#include <fovea/kernels/base/cuda_utils.cuh>

namespace fovea::kernels {
namespace {

constexpr int kThreads = 256, kWarps = kThreads / kWarp, kDims = 128, kMine = kDims / kWarp;

template <class T>
__global__ void __launch_bounds__(kThreads)
    update_kernel(const KMeans shape, const T* x, const int64_t* labels, T* centres) {
  __shared__ float sums[kWarps][kDims];
  __shared__ int64_t counts[kWarps];
  const int64_t centre = blockIdx.x, first_dim = int64_t(blockIdx.y) * kDims;
  const int warp = threadIdx.x / kWarp, lane = threadIdx.x % kWarp;
  const int64_t share = ceil_div<int64_t>(ceil_div<int64_t>(shape.rows, kWarps), kWarp) * kWarp;
  float sum[kMine] = {};
  int64_t count = 0;
  for (int64_t row = warp * share; row < min(shape.rows, (warp + 1) * share); row += kWarp) {
    bool mine = row + lane < shape.rows && labels[row + lane] == centre;
    for (unsigned found = __ballot_sync(kAllLanes, mine); found; found &= found - 1) {
      const T* from = x + (row + __ffs(found) - 1) * shape.dim + first_dim;
#pragma unroll
      for (int i = 0; i < kMine; ++i)
        if (first_dim + i * kWarp + lane < shape.dim) sum[i] += to_float(from[i * kWarp + lane]);
      ++count;
    }
  }
#pragma unroll
  for (int i = 0; i < kMine; ++i) sums[warp][i * kWarp + lane] = sum[i];
  if (lane == 0) counts[warp] = count;
  __syncthreads();
  count = 0;
  for (int w = 0; w < kWarps; ++w) count += counts[w];
  if (count == 0 || threadIdx.x >= kDims || first_dim + threadIdx.x >= shape.dim) return;
  float total = 0;
  for (int w = 0; w < kWarps; ++w) total += sums[w][threadIdx.x];
  centres[centre * shape.dim + first_dim + threadIdx.x] = from_float<T>(total / float(count));
}

}  // namespace

template <class T>
void kmeans_assign(Cuda& ctx, const KMeans& shape, const T* x, const T* centres, int64_t* labels,
                   accumulator_t<T>* distances) {
  topk(ctx, {shape.rows, shape.clusters, shape.dim, 1, Metric::squared_distance}, x, centres, distances, labels);
}
template <class T>
void kmeans_update(Cuda& ctx, const KMeans& shape, const T* x, const int64_t* labels, T* centres) {
  launch(ctx, update_kernel<T>, dim3(unsigned(shape.clusters), unsigned(ceil_div<int64_t>(shape.dim, kDims))), kThreads,
         0, shape, x, labels, centres);
}

#define FOVEA_INSTANTIATE(T)                                                                  \
  template void kmeans_assign<T>(Cuda&, const KMeans&, const T*, const T*, int64_t*, float*); \
  template void kmeans_update<T>(Cuda&, const KMeans&, const T*, const int64_t*, T*);
FOVEA_INSTANTIATE(float)
FOVEA_INSTANTIATE(bf16)

}  // namespace fovea::kernels
