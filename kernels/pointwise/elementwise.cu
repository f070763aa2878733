// Elementwise ops of two operands with broadcasting, comparisons, select, y += alpha x and dropout. Every dense array
// moves once, in 16-byte accesses; an operand that is repeated is read again from the caches. Where a row or a pointer
// does not fit into packs, elements go one by one, still coalesced.
#include <fovea/kernels/elementwise.h>
#include <fovea/kernels/pointwise/elementwise_ops.h>
#include <fovea/kernels/base/for_each.cuh>

namespace fovea::kernels {

// What is done with the gradient and two elements.
template <class Op>
struct ValueOf {
  static constexpr bool kReadsGradient = false;
  Op op;
  template <class A>
  __device__ auto operator()(A, A a, A b) const {
    return op.f(a, b);
  }
};
template <class Op>
struct GradientOfA {
  static constexpr bool kReadsGradient = true;
  Op op;
  template <class A>
  __device__ A operator()(A dy, A a, A b) const {
    return dy * op.da(a, b);
  }
};
template <class Op>
struct GradientOfB {
  static constexpr bool kReadsGradient = true;
  Op op;
  template <class A>
  __device__ A operator()(A dy, A a, A b) const {
    return dy * op.db(a, b);
  }
};

template <class F, class In, class Out>
struct BroadcastBody {
  static constexpr int kN = kPack<In>;
  F f;
  const In *dy, *a, *b;
  Out* y;
  Broadcast shape;
  int64_t a_step, b_step;  // of the innermost dimension: 0 or 1
  Divisor size[Broadcast::kMaxRank];

  template <int N>
  __device__ void run(int64_t i) const {
    int64_t rest = i, at_a = 0, at_b = 0;
#pragma unroll
    for (int d = Broadcast::kMaxRank - 1; d >= 0; --d) {
      if (d >= shape.rank) continue;
      const Division at = d > 0 ? size[d].divide(rest) : Division{0, rest};
      at_a += at.remainder * shape.a[d];
      at_b += at.remainder * shape.b[d];
      rest = at.quotient;
    }
    const auto left = a_step ? load_values<N>(a + at_a) : splat<N>(widened(a[at_a]));
    const auto right = b_step ? load_values<N>(b + at_b) : splat<N>(widened(b[at_b]));
    auto gradient = left;
    if constexpr (F::kReadsGradient) gradient = load_values<N>(dy + i);
    Values<accumulator_t<Out>, N> out;
#pragma unroll
    for (int k = 0; k < N; ++k) out[k] = f(gradient[k], left[k], right[k]);
    store_values(y + i, out);
  }
};

template <class F, class In, class Out>
static void broadcast(Cuda& ctx, F f, const In* dy, const In* a, const In* b, Out* y, const Broadcast& shape) {
  using Body = BroadcastBody<F, In, Out>;
  constexpr int N = Body::kN;
  const int last = shape.rank - 1;
  Body body{f, dy, a, b, y, shape, shape.a[last], shape.b[last], {}};
  for (int d = 0; d <= last; ++d) body.size[d] = shape.size[d];
  auto fits = [&](const In* p, const int64_t* steps) {
    bool whole = is_aligned<N>(p);
    for (int d = 0; d < last; ++d) whole &= steps[d] % N == 0;
    return whole || steps[last] == 0;
  };
  const bool packed = (last == 0 || shape.size[last] % N == 0) && fits(a, shape.a) && fits(b, shape.b) &&
                      is_aligned<N>(dy) && is_aligned<N>(y);
  for_each(ctx, body, shape.numel, packed);
}

template <class Op, class T>
void binary(Cuda& ctx, Op op, const T* a, const T* b, T* y, const Broadcast& shape) {
  broadcast(ctx, ValueOf<Op>{op}, static_cast<const T*>(nullptr), a, b, y, shape);
}
template <class Op, class T>
void binary_backward(Cuda& ctx, Op op, Operand operand, const T* dy, const T* a, const T* b, T* dx,
                     const Broadcast& shape) {
  if (operand == Operand::a)
    broadcast(ctx, GradientOfA<Op>{op}, dy, a, b, dx, shape);
  else
    broadcast(ctx, GradientOfB<Op>{op}, dy, a, b, dx, shape);
}
template <class Op, class T>
void compare(Cuda& ctx, Op op, const T* a, const T* b, uint8_t* y, const Broadcast& shape) {
  broadcast(ctx, ValueOf<Op>{op}, static_cast<const T*>(nullptr), a, b, y, shape);
}

template <class T>
struct SelectBody {
  static constexpr int kN = kPack<T>;
  const uint8_t* condition;
  const T *a, *b;
  T* y;
  template <int N>
  __device__ void run(int64_t i) const {
    using A = accumulator_t<T>;
    const auto chosen = load_values<N>(condition + i);
    const auto left = a ? load_values<N>(a + i) : splat<N>(A(0));
    const auto right = b ? load_values<N>(b + i) : splat<N>(A(0));
    Values<A, N> out;
#pragma unroll
    for (int k = 0; k < N; ++k) out[k] = chosen[k] ? left[k] : right[k];
    store_values(y + i, out);
  }
};
template <class T>
void select(Cuda& ctx, const uint8_t* condition, const T* a, const T* b, T* y, int64_t n) {
  for_each(ctx, SelectBody<T>{condition, a, b, y}, n,
           allows_packs<T>(0, a, b, y) && is_aligned<SelectBody<T>::kN>(condition));
}

template <class T>
struct AddScaledBody {
  static constexpr int kN = kPack<T>;
  T* y;
  const T* x;
  float alpha;
  template <int N>
  __device__ void run(int64_t i) const {
    auto sum = load_values<N>(y + i);
    const auto values = load_values<N>(x + i);
#pragma unroll
    for (int k = 0; k < N; ++k) sum[k] += alpha * values[k];
    store_values(y + i, sum);
  }
};
template <class T>
void add_scaled(Cuda& ctx, T* y, const T* x, double alpha, int64_t n) {
  for_each(ctx, AddScaledBody<T>{y, x, float(alpha)}, n, allows_packs<T>(0, x, y));
}

template <class T>
struct DropoutBody {
  static constexpr int kN = kPack<T>;
  const T* x;
  T* y;
  float keep_probability, scale;
  RandomState state;
  template <int N>
  __device__ void run(int64_t i) const {
    auto values = load_values<N>(x + i);
    const RandomState from = state.place();
#pragma unroll
    for (int begin = 0; begin < N; begin += 4) {
      const Philox4 r = philox(from.seed, from.offset + uint64_t(i + begin) / 4);
      if constexpr (N == 1) {
        const int k = int(i % 4);
        values[0] = kept(k == 0 ? r.word[0] : k == 1 ? r.word[1] : k == 2 ? r.word[2] : r.word[3], values[0]);
      } else {
#pragma unroll
        for (int k = 0; k < 4; ++k) values[begin + k] = kept(r.word[k], values[begin + k]);
      }
    }
    store_values(y + i, values);
  }
  __device__ float kept(uint32_t word, float value) const {
    return uniform_from(word) < keep_probability ? value * scale : 0.0f;
  }
};
template <class T>
void dropout(Cuda& ctx, const T* x, T* y, int64_t n, float keep_probability, const RandomState& state) {
  for_each(ctx, DropoutBody<T>{x, y, keep_probability, 1 / keep_probability, state}, n, allows_packs<T>(0, x, y));
}

#define FOVEA_INSTANTIATE_BINARY_FOR(Op, T)                                         \
  template void binary<Op, T>(Cuda&, Op, const T*, const T*, T*, const Broadcast&); \
  template void binary_backward<Op, T>(Cuda&, Op, Operand, const T*, const T*, const T*, T*, const Broadcast&);
#define FOVEA_INSTANTIATE_BINARY(Op) FOVEA_INSTANTIATE_BINARY_FOR(Op, float) FOVEA_INSTANTIATE_BINARY_FOR(Op, bf16)
FOVEA_BINARY_OPS(FOVEA_INSTANTIATE_BINARY)

#define FOVEA_INSTANTIATE_FLOAT(T)                                   \
  template void add_scaled<T>(Cuda&, T*, const T*, double, int64_t); \
  template void dropout<T>(Cuda&, const T*, T*, int64_t, float, const RandomState&);
FOVEA_INSTANTIATE_FLOAT(float)
FOVEA_INSTANTIATE_FLOAT(bf16)

#define FOVEA_INSTANTIATE_ANY(T)                                                                       \
  template void select<T>(Cuda&, const uint8_t*, const T*, const T*, T*, int64_t);                     \
  template void compare<Equal, T>(Cuda&, Equal, const T*, const T*, uint8_t*, const Broadcast&);       \
  template void compare<NotEqual, T>(Cuda&, NotEqual, const T*, const T*, uint8_t*, const Broadcast&); \
  template void compare<Less, T>(Cuda&, Less, const T*, const T*, uint8_t*, const Broadcast&);         \
  template void compare<LessEqual, T>(Cuda&, LessEqual, const T*, const T*, uint8_t*, const Broadcast&);
FOVEA_INSTANTIATE_ANY(float)
FOVEA_INSTANTIATE_ANY(bf16)
FOVEA_INSTANTIATE_ANY(int64_t)
FOVEA_INSTANTIATE_ANY(uint8_t)

}  // namespace fovea::kernels
