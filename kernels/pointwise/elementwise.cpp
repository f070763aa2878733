#include <fovea/kernels/elementwise.h>

#include <fovea/kernels/base/for_each_part.h>
#include <fovea/kernels/pointwise/elementwise_isa.h>

namespace fovea::kernels {

template <class Op, class T>
void unary(Cpu&, Op op, const T* x, T* y, int64_t n) {
  with_isa([&]<Isa I>() {
    for_each_part(n, [&](int64_t begin, int64_t end) { unary_loop<I>(op, x + begin, y + begin, end - begin); });
  });
}

template <class Op, class T>
void unary_backward(Cpu&, Op op, const T* dy, const T* saved, T* dx, int64_t n) {
  with_isa([&]<Isa I>() {
    for_each_part(n, [&](int64_t begin, int64_t end) {
      unary_backward_loop<I>(op, dy + begin, Op::kSaves == Saves::nothing ? dy : saved + begin, dx + begin,
                             end - begin);
    });
  });
}

template <Part P, class Op, class T>
static void binary_any(Op op, const T* dy, const T* a, const T* b, T* y, const Broadcast& shape) {
  if (shape.numel == 0) return;
  with_isa([&]<Isa I>() {
    for_each_part(shape.numel, [&](int64_t begin, int64_t end) {
      for_each_run(shape, begin, end,
                   [&](int64_t i, int64_t a_step, int64_t j, int64_t b_step, int64_t k, int64_t count) {
                     binary_loop<I, P>(op, P == Part::value ? dy : dy + k, a + i, a_step, b + j, b_step, y + k, count);
                   });
    });
  });
}

template <class Op, class T>
void binary(Cpu&, Op op, const T* a, const T* b, T* y, const Broadcast& shape) {
  binary_any<Part::value>(op, static_cast<const T*>(nullptr), a, b, y, shape);
}

template <class Op, class T>
void binary_backward(Cpu&, Op op, Operand operand, const T* dy, const T* a, const T* b, T* dx, const Broadcast& shape) {
  if (operand == Operand::a)
    binary_any<Part::da>(op, dy, a, b, dx, shape);
  else
    binary_any<Part::db>(op, dy, a, b, dx, shape);
}

// What two elements are compared as.
template <class T>
static accumulator_t<T> comparable(T value) {
  return value;
}

template <class Op, class T>
void compare(Cpu&, Op op, const T* a, const T* b, uint8_t* y, const Broadcast& shape) {
  if (shape.numel == 0) return;
  for_each_part(shape.numel, [&](int64_t begin, int64_t end) {
    for_each_run(shape, begin, end,
                 [&](int64_t i, int64_t a_step, int64_t j, int64_t b_step, int64_t k, int64_t count) {
                   for (int64_t m = 0; m < count; ++m)
                     y[k + m] = op.f(comparable(a[i + m * a_step]), comparable(b[j + m * b_step]));
                 });
  });
}

template <class T>
void select(Cpu&, const uint8_t* condition, const T* a, const T* b, T* y, int64_t n) {
  for_each_part(n, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) y[i] = condition[i] ? (a ? a[i] : T{}) : (b ? b[i] : T{});
  });
}

template <class T>
void add_scaled(Cpu&, T* y, const T* x, double alpha, int64_t n) {
  with_isa([&]<Isa I>() {
    for_each_part(n, [&](int64_t begin, int64_t end) { add_scaled_loop<I>(y + begin, x + begin, alpha, end - begin); });
  });
}

template <class T>
void dropout(Cpu&, const T* x, T* y, int64_t n, float keep_probability, const RandomState& state) {
  const RandomState from = state.place();
  with_isa([&]<Isa I>() {
    for_each_part(n, [&](int64_t begin, int64_t end) {
      dropout_loop<I>(x + begin, y + begin, end - begin, keep_probability, from.seed, from.offset, begin);
    });
  });
}

#define FOVEA_INSTANTIATE_UNARY_FOR(Op, T)                     \
  template void unary<Op, T>(Cpu&, Op, const T*, T*, int64_t); \
  template void unary_backward<Op, T>(Cpu&, Op, const T*, const T*, T*, int64_t);
#define FOVEA_INSTANTIATE_UNARY(Op)       \
  FOVEA_INSTANTIATE_UNARY_FOR(Op, float)  \
  FOVEA_INSTANTIATE_UNARY_FOR(Op, double) \
  FOVEA_INSTANTIATE_UNARY_FOR(Op, bf16)
FOVEA_UNARY_OPS(FOVEA_INSTANTIATE_UNARY)

#define FOVEA_INSTANTIATE_BINARY_FOR(Op, T)                                        \
  template void binary<Op, T>(Cpu&, Op, const T*, const T*, T*, const Broadcast&); \
  template void binary_backward<Op, T>(Cpu&, Op, Operand, const T*, const T*, const T*, T*, const Broadcast&);
#define FOVEA_INSTANTIATE_BINARY(Op)       \
  FOVEA_INSTANTIATE_BINARY_FOR(Op, float)  \
  FOVEA_INSTANTIATE_BINARY_FOR(Op, double) \
  FOVEA_INSTANTIATE_BINARY_FOR(Op, bf16)
FOVEA_BINARY_OPS(FOVEA_INSTANTIATE_BINARY)

#define FOVEA_INSTANTIATE_FLOAT(T)                                  \
  template void add_scaled<T>(Cpu&, T*, const T*, double, int64_t); \
  template void dropout<T>(Cpu&, const T*, T*, int64_t, float, const RandomState&);
FOVEA_INSTANTIATE_FLOAT(float)
FOVEA_INSTANTIATE_FLOAT(double)
FOVEA_INSTANTIATE_FLOAT(bf16)

#define FOVEA_INSTANTIATE_ANY(T)                                                                      \
  template void select<T>(Cpu&, const uint8_t*, const T*, const T*, T*, int64_t);                     \
  template void compare<Equal, T>(Cpu&, Equal, const T*, const T*, uint8_t*, const Broadcast&);       \
  template void compare<NotEqual, T>(Cpu&, NotEqual, const T*, const T*, uint8_t*, const Broadcast&); \
  template void compare<Less, T>(Cpu&, Less, const T*, const T*, uint8_t*, const Broadcast&);         \
  template void compare<LessEqual, T>(Cpu&, LessEqual, const T*, const T*, uint8_t*, const Broadcast&);
FOVEA_INSTANTIATE_ANY(float)
FOVEA_INSTANTIATE_ANY(double)
FOVEA_INSTANTIATE_ANY(bf16)
FOVEA_INSTANTIATE_ANY(int64_t)
FOVEA_INSTANTIATE_ANY(uint8_t)

}  // namespace fovea::kernels
