// Softmax and log-softmax of rows and their gradients (row_kernels.cuh): an aligned row of up to 8192 elements is read
// once and waits in registers, a longer one is read twice. Its state is the pair (top, sum of exp(x - top)), kept
// online: where a larger element comes, the sum so far is scaled down, so maximum and sum need one pass.
#include <fovea/kernels/softmax.h>
#include <fovea/kernels/vector_math.h>
#include <fovea/kernels/rows/row_kernels.cuh>

namespace fovea::kernels {

struct ExpSum {
  float top, sum;
};
// What is subtracted before exp: `top`, or 0 where all elements were -infinity so far, whose exp is to be 0 then.
__device__ inline float shift_of(float top) {
  return top == -INFINITY ? 0.0f : top;
}

template <class T>
struct SoftmaxBase {
  static constexpr bool kPair = false, kWrites = true;
  using State = ExpSum;
  const T* x;
  T* y;
  __device__ const T* left() const { return x; }
  static __device__ ExpSum identity() { return {-INFINITY, 0}; }
  template <int kThreads>
  static __device__ ExpSum join(ExpSum state, ExpSum* shared) {
    auto* tops = reinterpret_cast<float*>(shared);
    const float top = group_reduce<kThreads>(state.top, tops, MaxOf());
    state.sum *= math::exp(state.top - shift_of(top));
    return {top, group_reduce<kThreads>(state.sum, tops + kThreads / kWarp, SumOf())};
  }
  template <int N>
  static __device__ ExpSum add(ExpSum state, const Values<float, N>& x, const Values<float, N>&) {
    float top = state.top;
#pragma unroll
    for (int k = 0; k < N; ++k) top = MaxOf()(top, x[k]);
    const float shift = shift_of(top);
    float sum = 0;
#pragma unroll
    for (int k = 0; k < N; ++k) sum += math::exp(x[k] - shift);
    return {top, state.sum * math::exp(state.top - shift) + sum};
  }
};

template <class T>
struct Softmax : SoftmaxBase<T> {
  struct Parameters {
    float top, scale;
  };
  __device__ Parameters begin(int64_t, ExpSum state, bool) const { return {state.top, 1 / state.sum}; }
  template <int N>
  __device__ void write(Parameters p, int64_t i, Values<float, N>& x, const Values<float, N>&) const {
#pragma unroll
    for (int k = 0; k < N; ++k) x[k] = math::exp(x[k] - p.top) * p.scale;
    store_values(this->y + i, x);
  }
};
template <class T>
void softmax(Cuda& ctx, const T* x, T* y, int64_t rows, int64_t cols) {
  for_each_row<T>(ctx, Softmax<T>{{x, y}}, rows, cols, allows_packs<T>(cols, x, y));
}

template <class T>
struct LogSoftmax : SoftmaxBase<T> {
  struct Parameters {
    float top, log_sum;
  };
  __device__ Parameters begin(int64_t, ExpSum state, bool) const { return {state.top, math::log(state.sum)}; }
  template <int N>
  __device__ void write(Parameters p, int64_t i, Values<float, N>& x, const Values<float, N>&) const {
#pragma unroll
    for (int k = 0; k < N; ++k) x[k] = (x[k] - p.top) - p.log_sum;
    store_values(this->y + i, x);
  }
};
template <class T>
void log_softmax(Cuda& ctx, const T* x, T* y, int64_t rows, int64_t cols) {
  for_each_row<T>(ctx, LogSoftmax<T>{{x, y}}, rows, cols, allows_packs<T>(cols, x, y));
}

template <class T>
struct GradientBase {
  static constexpr bool kPair = true, kWrites = true;
  using State = float;
  const T *y, *dy;
  T* dx;
  __device__ const T* left() const { return y; }
  __device__ const T* right() const { return dy; }
  static __device__ float identity() { return 0; }
  template <int kThreads>
  static __device__ float join(float sum, float* shared) {
    return group_reduce<kThreads>(sum, shared, SumOf());
  }
  __device__ float begin(int64_t, float sum, bool) const { return sum; }
};

template <class T>
struct SoftmaxGradient : GradientBase<T> {
  template <int N>
  static __device__ float add(float sum, const Values<float, N>& y, const Values<float, N>& dy) {
    float products = 0;
#pragma unroll
    for (int k = 0; k < N; ++k) products += y[k] * dy[k];
    return sum + products;
  }
  template <int N>
  __device__ void write(float dot, int64_t i, Values<float, N>& y, const Values<float, N>& dy) const {
#pragma unroll
    for (int k = 0; k < N; ++k) y[k] *= dy[k] - dot;
    store_values(this->dx + i, y);
  }
};
template <class T>
void softmax_backward(Cuda& ctx, const T* y, const T* dy, T* dx, int64_t rows, int64_t cols) {
  for_each_row<T>(ctx, SoftmaxGradient<T>{{y, dy, dx}}, rows, cols, allows_packs<T>(cols, y, dy, dx));
}

template <class T>
struct LogSoftmaxGradient : GradientBase<T> {
  template <int N>
  static __device__ float add(float sum, const Values<float, N>&, const Values<float, N>& dy) {
    float more = 0;
#pragma unroll
    for (int k = 0; k < N; ++k) more += dy[k];
    return sum + more;
  }
  template <int N>
  __device__ void write(float sum, int64_t i, Values<float, N>& y, const Values<float, N>& dy) const {
#pragma unroll
    for (int k = 0; k < N; ++k) y[k] = dy[k] - math::exp(y[k]) * sum;
    store_values(this->dx + i, y);
  }
};
template <class T>
void log_softmax_backward(Cuda& ctx, const T* y, const T* dy, T* dx, int64_t rows, int64_t cols) {
  for_each_row<T>(ctx, LogSoftmaxGradient<T>{{y, dy, dx}}, rows, cols, allows_packs<T>(cols, y, dy, dx));
}

#define FOVEA_INSTANTIATE(T)                                                          \
  template void softmax<T>(Cuda&, const T*, T*, int64_t, int64_t);                    \
  template void softmax_backward<T>(Cuda&, const T*, const T*, T*, int64_t, int64_t); \
  template void log_softmax<T>(Cuda&, const T*, T*, int64_t, int64_t);                \
  template void log_softmax_backward<T>(Cuda&, const T*, const T*, T*, int64_t, int64_t);
FOVEA_INSTANTIATE(float)
FOVEA_INSTANTIATE(bf16)

}  // namespace fovea::kernels
