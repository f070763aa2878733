// Losses that compare two arrays element by element: each byte moves once, in 16-byte accesses. Sums are cut into
// chunks of a fixed size, one a block; a second launch of one block adds the chunks' sums in double.
#include <fovea/kernels/device_scratch.h>
#include <fovea/kernels/rows/xent_pointwise_functors.h>
#include <fovea/kernels/rows/row_kernels.cuh>

namespace fovea::kernels {

template <class Loss, class T>
struct PointwiseBody {
  static constexpr int kN = kPack<float>;  // of y, so that neighbouring lanes write neighbouring 16 bytes
  Loss loss;
  const T *x, *t;
  float* y;
  template <int N>
  __device__ void run(int64_t i) const {
    auto values = load_values<N>(x + i);
    const auto targets = load_values<N>(t + i);
#pragma unroll
    for (int k = 0; k < N; ++k) values[k] = loss.f(values[k], targets[k]);
    store_values(y + i, values);
  }
};
template <class T>
void pointwise_loss(Cuda& ctx, PointwiseLoss loss, const T* x, const T* t, accumulator_t<T>* y, int64_t n) {
  with_loss<float>(loss, [&]<class Loss>(Loss l) {
    for_each(ctx, PointwiseBody<Loss, T>{l, x, t, y}, n, is_aligned<4>(x) && is_aligned<4>(t) && is_aligned<4>(y));
  });
}

constexpr int kThreads = 256;
constexpr int64_t kChunk = 8192;
template <class Loss, class T>
__global__ void pointwise_sums(Loss loss, const T* x, const T* t, float* sums, int64_t n, bool packed) {
  constexpr int N = kPack<T>;
  __shared__ float shared[kThreads / kWarp];
  const int64_t begin = blockIdx.x * kChunk, end = min(n, begin + kChunk);
  const int64_t packs_end = packed ? begin + (end - begin) / N * N : begin;
  float sum = 0;
#pragma unroll 4
  for (int64_t i = begin + threadIdx.x * N; i < packs_end; i += kThreads * N) {
    const auto values = load_values<N>(x + i), targets = load_values<N>(t + i);
    float more = 0;
#pragma unroll
    for (int k = 0; k < N; ++k) more += loss.f(values[k], targets[k]);
    sum += more;
  }
#pragma unroll 4
  for (int64_t i = packs_end + threadIdx.x; i < end; i += kThreads) sum += loss.f(to_float(x[i]), to_float(t[i]));
  sum = group_reduce<kThreads>(sum, shared, SumOf());
  if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}
static __global__ void join_sums(const float* sums, int64_t count, double scale, float* y) {
  __shared__ double shared[kThreads / kWarp];
  double sum = 0;
  for (int64_t i = threadIdx.x; i < count; i += kThreads) sum += double(sums[i]);
  sum = group_reduce<kThreads>(sum, shared, SumOf());
  if (threadIdx.x == 0) *y = float(scale * sum);
}
template <class T>
void pointwise_loss_sum(Cuda& ctx, PointwiseLoss loss, const T* x, const T* t, double scale, accumulator_t<T>* y,
                        int64_t n) {
  const int64_t chunks = ceil_div(n, kChunk);
  DeviceScratch scratch(ctx);
  float* sums = scratch.take<float>(size_t(chunks));
  with_loss<float>(loss, [&]<class Loss>(Loss l) {
    launch(ctx, pointwise_sums<Loss, T>, unsigned(chunks), kThreads, 0, l, x, t, sums, n, allows_packs<T>(0, x, t));
  });
  launch(ctx, join_sums, 1, kThreads, 0, sums, chunks, scale, y);
}

template <class Loss, class T>
struct PointwiseGradient {
  static constexpr int kN = kPack<T>;
  Loss loss;
  const T *x, *t;
  const float* dy;
  int64_t dy_step;
  float scale;
  T *dx, *dt;
  template <int N>
  __device__ void run(int64_t i) const {
    const auto values = load_values<N>(x + i), targets = load_values<N>(t + i);
    auto slopes = dy_step ? load_values<N>(dy + i) : splat<N>(*dy);
#pragma unroll
    for (int k = 0; k < N; ++k) slopes[k] *= scale;
    Values<float, N> out;
    if (dx) {
#pragma unroll
      for (int k = 0; k < N; ++k) out[k] = slopes[k] * loss.dx(values[k], targets[k]);
      store_values(dx + i, out);
    }
    if (dt) {
#pragma unroll
      for (int k = 0; k < N; ++k) out[k] = slopes[k] * loss.dt(values[k], targets[k]);
      store_values(dt + i, out);
    }
  }
};
template <class T>
void pointwise_loss_backward(Cuda& ctx, PointwiseLoss loss, const T* x, const T* t, const accumulator_t<T>* dy,
                             int64_t dy_step, double scale, T* dx, T* dt, int64_t n) {
  with_loss<float>(loss, [&]<class Loss>(Loss l) {
    for_each(ctx, PointwiseGradient<Loss, T>{l, x, t, dy, dy_step, float(scale), dx, dt}, n,
             allows_packs<T>(0, x, t, dx, dt) && (dy_step == 0 || is_aligned<kPack<T>>(dy)));
  });
}

#define FOVEA_INSTANTIATE(T)                                                                                        \
  template void pointwise_loss<T>(Cuda&, PointwiseLoss, const T*, const T*, float*, int64_t);                       \
  template void pointwise_loss_sum<T>(Cuda&, PointwiseLoss, const T*, const T*, double, float*, int64_t);           \
  template void pointwise_loss_backward<T>(Cuda&, PointwiseLoss, const T*, const T*, const float*, int64_t, double, \
                                           T*, T*, int64_t);
FOVEA_INSTANTIATE(float)
FOVEA_INSTANTIATE(bf16)

}  // namespace fovea::kernels
