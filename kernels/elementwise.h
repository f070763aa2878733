#pragma once

#include <cstdint>

#include <fovea/kernels/bf16.h>
#include <fovea/kernels/binary_functors.h>
#include <fovea/kernels/context.h>
#include <fovea/kernels/functors.h>
#include <fovea/kernels/random.h>

namespace fovea::kernels {

// y[i] = op.f(x[i]); y may be x                                              reads n, writes n
template <class Op, class T>
void unary(Cpu&, Op op, const T* x, T* y, int64_t n);
template <class Op, class T>
void unary(Cuda&, Op op, const T* x, T* y, int64_t n);

// dx[i] = dy[i] * op.df(saved[i]), saved being what Op::kSaves names         reads 2 n, writes n
// saved is not read where the op saves nothing                               reads n, writes n
template <class Op, class T>
void unary_backward(Cpu&, Op op, const T* dy, const T* saved, T* dx, int64_t n);
template <class Op, class T>
void unary_backward(Cuda&, Op op, const T* dy, const T* saved, T* dx, int64_t n);

// How two dense arrays are read as one of `size`: a and b hold the step, in elements, of each dimension, 0 where the
// array is repeated. Neighbouring dimensions that can be are merged, so equal shapes have rank 1, a row or a column
// added to a matrix rank 2.
struct Broadcast {
  static constexpr int kMaxRank = 6;
  int rank = 0;
  int64_t size[kMaxRank] = {}, a[kMaxRank] = {}, b[kMaxRank] = {};
  int64_t numel = 1;
};

// y[i] = op.f(a[..], b[..]) over the broadcast shape                         reads a and b, writes numel
template <class Op, class T>
void binary(Cpu&, Op op, const T* a, const T* b, T* y, const Broadcast& shape);
template <class Op, class T>
void binary(Cuda&, Op op, const T* a, const T* b, T* y, const Broadcast& shape);

// dx[i] = dy[i] * op.da(a[..], b[..]), or op.db: the gradient before the sum over repeated dimensions
//                                                                            reads numel, a and b, writes numel
enum class Operand { a, b };
template <class Op, class T>
void binary_backward(Cpu&, Op op, Operand operand, const T* dy, const T* a, const T* b, T* dx, const Broadcast& shape);
template <class Op, class T>
void binary_backward(Cuda&, Op op, Operand operand, const T* dy, const T* a, const T* b, T* dx, const Broadcast& shape);

// y[i] = op.f(a[..], b[..]) as 0 or 1, for the comparisons and any element type
template <class Op, class T>
void compare(Cpu&, Op op, const T* a, const T* b, uint8_t* y, const Broadcast& shape);
template <class Op, class T>
void compare(Cuda&, Op op, const T* a, const T* b, uint8_t* y, const Broadcast& shape);

// y[i] = condition[i] ? a[i] : b[i]; a or b may be null and counts as zeros  reads up to 3 n, writes n
template <class T>
void select(Cpu&, const uint8_t* condition, const T* a, const T* b, T* y, int64_t n);
template <class T>
void select(Cuda&, const uint8_t* condition, const T* a, const T* b, T* y, int64_t n);

// y[i] += alpha * x[i]                                                       reads 2 n, writes n
template <class T>
void add_scaled(Cpu&, T* y, const T* x, double alpha, int64_t n);
template <class T>
void add_scaled(Cuda&, T* y, const T* x, double alpha, int64_t n);

// y[i] = keep(i) ? x[i] / keep_probability : 0, where keep(i) is uniform(i) < keep_probability and uniform(i) comes
// from word i % 4 of Philox counter i / 4 from the state's place on. Its own gradient with dy for x.
//                                                                            reads n, writes n
template <class T>
void dropout(Cpu&, const T* x, T* y, int64_t n, float keep_probability, const RandomState& state);
template <class T>
void dropout(Cuda&, const T* x, T* y, int64_t n, float keep_probability, const RandomState& state);

}  // namespace fovea::kernels
