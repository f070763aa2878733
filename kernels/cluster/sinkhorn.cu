// Sinkhorn's normalisation by its two vectors of factors: u for the prototypes, v for the samples. The matrix is read,
// four scores at a time where they are aligned, and its exponentials are made again in every half of an iteration;
// nothing but the codes is written.
//
//   tops      the samples' largest scores, and v that makes up for taking them off       reads s
//   columns   sums over samples of exp v, by blocks of samples; joined into u            reads s
//   rows      sums over prototypes of exp u, a block a sample: v; the last one goes on   reads s, at last twice, and
//             to write the codes                                                         writes the codes
#include <cmath>

#include <fovea/kernels/device_scratch.h>
#include <fovea/kernels/sinkhorn.h>
#include <fovea/kernels/base/for_each.cuh>

namespace fovea::kernels {
namespace {

constexpr int kThreads = 256;
constexpr int64_t kShare = 32;  // samples of a block of columns, at least

// body(first column, N of them) for this thread's packs of a row of `cols`, whole ones only.
template <int N, class F>
__device__ void for_each_pack(int64_t cols, F&& body) {
#pragma unroll 4
  for (int64_t k = int64_t(threadIdx.x) * N; k < cols; k += kThreads * N) body(k);
}

// The scores of sample b: one of the batch, or one that waits.
template <class T>
struct Scores {
  const T *batch, *queued;
  int64_t coded, prototypes;
  __device__ const T* row(int64_t b) const {
    return b < coded ? batch + b * prototypes : queued + (b - coded) * prototypes;
  }
};

// A sample's largest score, x, and its factor v, y.
template <int N, class T>
__global__ void __launch_bounds__(kThreads) tops_kernel(Scores<T> scores, float2* samples) {
  __shared__ float shared[kWarp];
  const int64_t prototypes = scores.prototypes;
  const T* row = scores.row(blockIdx.x);
  float most = -INFINITY;
  for_each_pack<N>(prototypes, [&](int64_t k) {
    Pack<T, N> pack = load_pack<N>(row + k);
#pragma unroll
    for (int i = 0; i < N; ++i) most = fmaxf(most, to_float(pack[i]));
  });
  most = block_reduce<kThreads>(most, shared, MaxOf{});
  if (threadIdx.x == 0) samples[blockIdx.x].x = most;
}

// Factors exp((top - the largest top) sharpness), by one block.
__global__ void __launch_bounds__(kThreads) start_kernel(int64_t count, float sharpness, float2* samples) {
  __shared__ float shared[kWarp];
  float most = -INFINITY;
  for (int64_t b = threadIdx.x; b < count; b += kThreads) most = fmaxf(most, samples[b].x);
  most = block_reduce<kThreads>(most, shared, MaxOf{});
  for (int64_t b = threadIdx.x; b < count; b += kThreads) samples[b].y = __expf((samples[b].x - most) * sharpness);
}

// parts[blockIdx.y][k] = the sum over this block's samples.
template <int N, class T>
__global__ void __launch_bounds__(kThreads) columns_kernel(Scores<T> scores, const float2* samples, int64_t count,
                                                           float sharpness, int64_t share, float* parts) {
  const int64_t prototypes = scores.prototypes;
  int64_t k = (int64_t(blockIdx.x) * kThreads + threadIdx.x) * N, first = blockIdx.y * share;
  if (k >= prototypes) return;
  Pack<float, N> sum = {};
#pragma unroll 4
  for (int64_t b = first; b < min(count, first + share); ++b) {
    Pack<T, N> pack = load_pack<N>(scores.row(b) + k);
    float2 sample = samples[b];
#pragma unroll
    for (int i = 0; i < N; ++i) sum[i] += __expf((to_float(pack[i]) - sample.x) * sharpness) * sample.y;
  }
  store_pack(parts + blockIdx.y * prototypes + k, sum);
}
__global__ void join_kernel(const float* parts, int64_t count, int64_t prototypes, float* u) {
  int64_t k = int64_t(blockIdx.x) * kThreads + threadIdx.x;
  if (k >= prototypes) return;
  float sum = 0;
  for (int64_t i = 0; i < count; ++i) sum += parts[i * prototypes + k];
  u[k] = sum > 0 ? 1 / (float(prototypes) * sum) : 0;
}

// Null codes: the factor v alone.
template <int N, class T>
__global__ void __launch_bounds__(kThreads)
    rows_kernel(Scores<T> scores, const float* u, int64_t count, float sharpness, float2* samples, T* codes) {
  __shared__ float shared[kWarp];
  int64_t b = blockIdx.x;
  const int64_t prototypes = scores.prototypes;
  const T* row = scores.row(b);
  float top = samples[b].x, sum = 0;
  for_each_pack<N>(prototypes, [&](int64_t k) {
    Pack<T, N> pack = load_pack<N>(row + k);
    Pack<float, N> factor = load_pack<N>(u + k);
#pragma unroll
    for (int i = 0; i < N; ++i) sum += __expf((to_float(pack[i]) - top) * sharpness) * factor[i];
  });
  sum = block_reduce<kThreads>(sum, shared);
  float mine = sum > 0 ? 1 / sum : 0;  // times the number of samples, which the codes have as a factor
  if (!codes) {
    if (threadIdx.x == 0) samples[b].y = mine / float(count);
    return;
  }
  for_each_pack<N>(prototypes, [&](int64_t k) {
    Pack<T, N> pack = load_pack<N>(row + k);
    Pack<float, N> factor = load_pack<N>(u + k);
#pragma unroll
    for (int i = 0; i < N; ++i)
      pack[i] = from_float<T>(__expf((to_float(pack[i]) - top) * sharpness) * factor[i] * mine);
    store_pack(codes + b * prototypes + k, pack);
  });
}

template <int N, class T>
void run(Cuda& ctx, const Sinkhorn& shape, Scores<T> scores, T* codes) {
  DeviceScratch scratch(ctx);
  const int64_t rows = shape.samples(), prototypes = shape.prototypes;
  const float sharpness = float(1 / shape.epsilon);
  const int64_t blocks = ceil_div<int64_t>(prototypes, kThreads * N);
  const int64_t wanted = std::max<int64_t>(1, 4 * ctx.multiprocessors / blocks);
  const int64_t share = std::max(kShare, ceil_div(rows, wanted)), count = ceil_div(rows, share);
  float2* samples = scratch.take<float2>(size_t(rows));
  float *u = scratch.take<float>(size_t(prototypes)), *parts = scratch.take<float>(size_t(count * prototypes));
  launch(ctx, tops_kernel<N, T>, unsigned(rows), kThreads, 0, scores, samples);
  launch(ctx, start_kernel, 1, kThreads, 0, rows, sharpness, samples);
  for (int i = 0; i < shape.iterations; ++i) {
    launch(ctx, columns_kernel<N, T>, dim3(unsigned(blocks), unsigned(count)), kThreads, 0, scores, samples, rows,
           sharpness, share, parts);
    launch(ctx, join_kernel, unsigned(ceil_div<int64_t>(prototypes, kThreads)), kThreads, 0, parts, count, prototypes,
           u);
    const bool last = i + 1 == shape.iterations;
    launch(ctx, rows_kernel<N, T>, unsigned(last ? shape.batch : rows), kThreads, 0, scores, u, rows, sharpness,
           samples, last ? codes : nullptr);
  }
}

}  // namespace

template <class T>
void sinkhorn(Cuda& ctx, const Sinkhorn& shape, const T* scores, const T* queued, T* codes) {
  if (shape.batch == 0 || shape.prototypes == 0) return;
  const Scores<T> all{scores, queued, shape.batch, shape.prototypes};
  constexpr int N = kPack<float>;  // of the factors: with more scores a thread, lanes would read these 32 bytes apart
  if (shape.prototypes % N == 0 && is_aligned<N>(scores) && is_aligned<N>(queued) && is_aligned<N>(codes))
    run<N>(ctx, shape, all, codes);
  else
    run<1>(ctx, shape, all, codes);
}
template void sinkhorn<float>(Cuda&, const Sinkhorn&, const float*, const float*, float*);
template void sinkhorn<bf16>(Cuda&, const Sinkhorn&, const bf16*, const bf16*, bf16*);

}  // namespace fovea::kernels
