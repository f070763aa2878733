#pragma once

#include <fovea/core/tensor.h>

namespace fovea {

// Low-rank adapters of a weight [out, in] by a [rank, in] and b [out, rank], of the weight's dtype or f32 (f64: f64):
//   LoRA (Hu et al., 2022):    weight + scale b a
//   DoRA (Liu et al., 2024):   magnitude V / |V| for each output unit, where V is LoRA's and magnitude [out]
// DoRA's norm counts as a constant in the backward pass (section 4.3 of its paper). What comes back has the weight's
// dtype; the norm [out] goes to *norm if it is given, for low_rank_unmerge(). All four have gradients. Throws Error for
// other shapes or dtypes.
Tensor low_rank_merge(const Tensor& weight, const Tensor& a, const Tensor& b, double scale,
                      const Tensor& magnitude = {}, Tensor* norm = nullptr);

// The weight that was merged: merged norm / magnitude - scale b a, up to rounding. No gradients.
Tensor low_rank_unmerge(const Tensor& merged, const Tensor& a, const Tensor& b, double scale,
                        const Tensor& magnitude = {}, const Tensor& norm = {});

}  // namespace fovea
