#pragma once

#include <fovea/core/tensor.h>

namespace fovea::losses {

// What losses compute in: f32 for bf16 embeddings, f32 and f64 as they are. Differentiable. Where a loss multiplies
// matrices, an Autocast(false) keeps their product from being rounded again.
inline Tensor full_precision(const Tensor& x) {
  return x.dtype() == Dtype::bf16 ? x.to(Dtype::f32) : x;
}

}  // namespace fovea::losses
