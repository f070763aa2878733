#pragma once

// Private to core/ops: an elementwise op from its functor of kernels/functors.h.
#include <fovea/core/autograd.h>
#include <fovea/core/check.h>
#include <fovea/core/dispatch.h>
#include <fovea/kernels/elementwise.h>

namespace fovea {

template <class Op>
Tensor unary(const char* name, const Tensor& x, Op op) {
  Tensor y = Tensor::empty_like(x);
  dispatch_float(x, name, [&]<class T>(auto& ctx) { kernels::unary(ctx, op, x.data<T>(), y.data<T>(), x.numel()); });
  constexpr kernels::Saves kSaves = Op::kSaves;
  Tensor saved = kSaves == kernels::Saves::input ? x : kSaves == kernels::Saves::output ? y : Tensor();
  return record(name, y, {x}, [name, op, saved](const Node&, const Tensor& dy) -> Grads {
    Tensor dx = Tensor::empty_like(dy);
    dispatch_float(dy, name, [&]<class T>(auto& ctx) {
      const T* values = saved.defined() ? saved.data<T>() : nullptr;
      kernels::unary_backward(ctx, op, dy.data<T>(), values, dx.data<T>(), dy.numel());
    });
    return {dx};
  });
}

// Checks that a and b can meet in one op: same dtype and device. Returns the shape they broadcast to.
Shape common_shape(const char* name, const Tensor& a, const Tensor& b);

// How a and b are read as one array of `shape`.
kernels::Broadcast broadcast_steps(const Shape& a, const Shape& b, const Shape& shape);

// dy summed over the dimensions that broadcasting repeated: the gradient of a tensor of `shape`. dy itself if none was.
Tensor sum_to(const Tensor& dy, const Shape& shape);

}  // namespace fovea
