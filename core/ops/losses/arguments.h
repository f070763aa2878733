#pragma once

#include <fovea/core/check.h>
#include <fovea/core/tensor.h>

// Private to core/ops/losses: what losses have in common.
namespace fovea {

// Losses of bf16 arguments are f32: the kernels sum in f32, and what a run logs should not be rounded again.
inline Dtype loss_dtype(Dtype input) {
  return input == Dtype::bf16 ? Dtype::f32 : input;
}

inline void check_same(const char* op, const Tensor& x, const Tensor& target) {
  check(x.shape() == target.shape() && x.dtype() == target.dtype() && x.device() == target.device(),
        "{}: want a target of the input's shape, dtype and device ({} {} on {}), got {} {} on {}", op,
        name_of(x.dtype()), x.shape(), x.device(), name_of(target.dtype()), target.shape(), target.device());
}

}  // namespace fovea
