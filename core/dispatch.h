#pragma once

#include <string>
#include <type_traits>

#include <fovea/core/tensor.h>
#include <fovea/kernels/context.h>

namespace fovea {

[[noreturn]] void throw_no_cuda();
[[noreturn]] void throw_wrong_dtype(const char* op, Dtype got, const char* wanted);

// dispatch(t.device(), [&](auto& ctx) { kernels::copy_bytes(ctx, ...); }) picks the kernel's overload for the device.
template <class F>
void dispatch(Device device, F&& launch) {
  if (device.is_cpu()) return launch(kernels::cpu());
  if constexpr (kHasCuda) return launch(kernels::cuda(device.index));
  throw_no_cuda();
}

// dispatch_float(x, "relu", [&]<class T>(auto& ctx) { kernels::relu(ctx, x.data<T>(), ...); }) also picks T by x's
// dtype: float or bf16, and double on the CPU. Throws Error naming the op for any other.
template <class F>
void dispatch_float(const Tensor& x, const char* op, F&& launch) {
  dispatch(x.device(), [&]<class Context>(Context& ctx) {
    switch (x.dtype()) {
      case Dtype::f32:
        return launch.template operator()<float>(ctx);
      case Dtype::bf16:
        return launch.template operator()<bf16>(ctx);
      case Dtype::f64:
        if constexpr (std::is_same_v<Context, kernels::Cpu>) return launch.template operator()<double>(ctx);
        [[fallthrough]];
      default:
        throw_wrong_dtype(op, x.dtype(), "f32, bf16 or, on the CPU, f64");
    }
  });
}

// As dispatch_float, over every dtype (f64 on the CPU only).
template <class F>
void dispatch_all(const Tensor& x, const char* op, F&& launch) {
  if (is_float(x.dtype())) return dispatch_float(x, op, launch);
  dispatch(x.device(), [&](auto& ctx) {
    if (x.dtype() == Dtype::i64) return launch.template operator()<int64_t>(ctx);
    return launch.template operator()<uint8_t>(ctx);
  });
}

}  // namespace fovea
