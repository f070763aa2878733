#include <fovea/kernels/pointwise/elementwise_isa.h>
#include <fovea/kernels/random.h>

namespace fovea::kernels {

template <Isa I, class Op, class T>
void unary_loop(Op op, const T* x, T* y, int64_t n) {
  using A = accumulator_t<T>;
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) y[i] = op.f(A(x[i]));
}

template <Isa I, class Op, class T>
void unary_backward_loop(Op op, const T* dy, const T* saved, T* dx, int64_t n) {
  using A = accumulator_t<T>;
  if constexpr (Op::kSaves == Saves::nothing) {
    A slope = op.df(A(0));
#pragma omp simd
    for (int64_t i = 0; i < n; ++i) dx[i] = A(dy[i]) * slope;
  } else {
#pragma omp simd
    for (int64_t i = 0; i < n; ++i) dx[i] = A(dy[i]) * op.df(A(saved[i]));
  }
}

template <Part P, int SA, int SB, class Op, class T>
static void binary_run(Op op, const T* dy, const T* a, const T* b, T* y, int64_t n) {
  using A = accumulator_t<T>;
  if (n == 0) return;
  A a0 = A(a[0]), b0 = A(b[0]);
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    A u = SA ? A(a[i]) : a0, v = SB ? A(b[i]) : b0;
    if constexpr (P == Part::value) y[i] = op.f(u, v);
    if constexpr (P == Part::da) y[i] = A(dy[i]) * op.da(u, v);
    if constexpr (P == Part::db) y[i] = A(dy[i]) * op.db(u, v);
  }
}

template <Isa I, Part P, class Op, class T>
void binary_loop(Op op, const T* dy, const T* a, int64_t a_step, const T* b, int64_t b_step, T* y, int64_t n) {
  if (a_step && b_step) return binary_run<P, 1, 1>(op, dy, a, b, y, n);
  if (a_step) return binary_run<P, 1, 0>(op, dy, a, b, y, n);
  binary_run<P, 0, 1>(op, dy, a, b, y, n);
}

template <Isa I, class T>
void add_scaled_loop(T* y, const T* x, double alpha, int64_t n) {
  using A = accumulator_t<T>;
  A factor = A(alpha);
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) y[i] = A(y[i]) + factor * A(x[i]);
}

template <Isa I, class T>
void dropout_loop(const T* x, T* y, int64_t n, float keep_probability, uint64_t seed, uint64_t offset, int64_t first) {
  using A = accumulator_t<T>;
  constexpr int64_t kGroups = 64;
  const A scale = A(1) / A(keep_probability);
  uint32_t words[4 * kGroups];
  for (int64_t begin = 0; begin < n; begin += 4 * kGroups) {
    const uint64_t counter = offset + uint64_t(first + begin) / 4;
#pragma omp simd
    for (int64_t g = 0; g < kGroups; ++g) {
      Philox4 r = philox(seed, counter + uint64_t(g));
      words[4 * g] = r.word[0], words[4 * g + 1] = r.word[1], words[4 * g + 2] = r.word[2],
                words[4 * g + 3] = r.word[3];
    }
    const int64_t count = n - begin < 4 * kGroups ? n - begin : 4 * kGroups;
#pragma omp simd
    for (int64_t i = 0; i < count; ++i)
      y[begin + i] = uniform_from(words[i]) < keep_probability ? A(x[begin + i]) * scale : A(0);
  }
}

#define FOVEA_INSTANTIATE_UNARY_FOR(Op, T)                          \
  template void unary_loop<kIsa, Op, T>(Op, const T*, T*, int64_t); \
  template void unary_backward_loop<kIsa, Op, T>(Op, const T*, const T*, T*, int64_t);
#define FOVEA_INSTANTIATE_UNARY(Op)       \
  FOVEA_INSTANTIATE_UNARY_FOR(Op, float)  \
  FOVEA_INSTANTIATE_UNARY_FOR(Op, double) \
  FOVEA_INSTANTIATE_UNARY_FOR(Op, bf16)
FOVEA_UNARY_OPS(FOVEA_INSTANTIATE_UNARY)

#define FOVEA_INSTANTIATE_PART(P, Op, T) \
  template void binary_loop<kIsa, Part::P, Op, T>(Op, const T*, const T*, int64_t, const T*, int64_t, T*, int64_t);
#define FOVEA_INSTANTIATE_BINARY_FOR(Op, T) \
  FOVEA_INSTANTIATE_PART(value, Op, T) FOVEA_INSTANTIATE_PART(da, Op, T) FOVEA_INSTANTIATE_PART(db, Op, T)
#define FOVEA_INSTANTIATE_BINARY(Op)       \
  FOVEA_INSTANTIATE_BINARY_FOR(Op, float)  \
  FOVEA_INSTANTIATE_BINARY_FOR(Op, double) \
  FOVEA_INSTANTIATE_BINARY_FOR(Op, bf16)
FOVEA_BINARY_OPS(FOVEA_INSTANTIATE_BINARY)

#define FOVEA_INSTANTIATE(T)                                             \
  template void add_scaled_loop<kIsa, T>(T*, const T*, double, int64_t); \
  template void dropout_loop<kIsa, T>(const T*, T*, int64_t, float, uint64_t, uint64_t, int64_t);
FOVEA_INSTANTIATE(float)
FOVEA_INSTANTIATE(double)
FOVEA_INSTANTIATE(bf16)

}  // namespace fovea::kernels
