// Elementwise ops of one operand and their derivatives: y = f(x), dx = dy df(saved). Each byte moves once, in 16-byte
// accesses; arrays that are not aligned go element by element, still coalesced.
#include <fovea/kernels/elementwise.h>
#include <fovea/kernels/pointwise/elementwise_ops.h>
#include <fovea/kernels/base/for_each.cuh>

namespace fovea::kernels {

template <class Op, class T>
struct UnaryBody {
  static constexpr int kN = kPack<T>;
  Op op;
  const T* x;
  T* y;
  template <int N>
  __device__ void run(int64_t i) const {
    auto values = load_values<N>(x + i);
#pragma unroll
    for (int k = 0; k < N; ++k) values[k] = op.f(values[k]);
    store_values(y + i, values);
  }
};
template <class Op, class T>
void unary(Cuda& ctx, Op op, const T* x, T* y, int64_t n) {
  for_each(ctx, UnaryBody<Op, T>{op, x, y}, n, allows_packs<T>(0, x, y));
}

template <class Op, class T>
struct UnaryGradient {
  static constexpr int kN = kPack<T>;
  Op op;
  const T *dy, *saved;
  T* dx;
  template <int N>
  __device__ void run(int64_t i) const {
    auto values = load_values<N>(dy + i);
    if constexpr (Op::kSaves == Saves::nothing) {
      const float slope = op.df(0.0f);
#pragma unroll
      for (int k = 0; k < N; ++k) values[k] *= slope;
    } else {
      const auto at = load_values<N>(saved + i);
#pragma unroll
      for (int k = 0; k < N; ++k) values[k] *= op.df(at[k]);
    }
    store_values(dx + i, values);
  }
};
template <class Op, class T>
void unary_backward(Cuda& ctx, Op op, const T* dy, const T* saved, T* dx, int64_t n) {
  if (Op::kSaves == Saves::nothing) saved = dy;
  for_each(ctx, UnaryGradient<Op, T>{op, dy, saved, dx}, n, allows_packs<T>(0, dy, saved, dx));
}

#define FOVEA_INSTANTIATE_FOR(Op, T)                            \
  template void unary<Op, T>(Cuda&, Op, const T*, T*, int64_t); \
  template void unary_backward<Op, T>(Cuda&, Op, const T*, const T*, T*, int64_t);
#define FOVEA_INSTANTIATE(Op) FOVEA_INSTANTIATE_FOR(Op, float) FOVEA_INSTANTIATE_FOR(Op, bf16)
FOVEA_UNARY_OPS(FOVEA_INSTANTIATE)

}  // namespace fovea::kernels
