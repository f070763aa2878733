#pragma once

#include <fovea/core/tensor.h>

namespace fovea::losses {

// What BYOL (Grill et al., 2020, arXiv:2006.07733) and SimSiam (Chen & He, 2021, arXiv:2011.10566, equation 1)
// minimise: the mean over rows of -cos(p_i, z_i), a scalar in [-1, 1]. p [N, D] are predictions, z [N, D] what they
// should point along. Gradients flow into both: the stop-gradient without which these methods collapse is the caller's,
// who passes z.detach() or what a teacher gave. BYOL's paper writes 2 - 2 cos, summed over both directions: 4 + 4 times
// the mean of two of these. bf16 rows are widened; the loss is f32 (f64 for f64 rows).
Tensor negative_cosine(const Tensor& p, const Tensor& z);

// FastSiam's targets (Pototzky et al., 2022, section 3): z [V * N, D] holds the projections of V views of N images, one
// view's rows after another; each row of the result is the mean of that image's rows in the other views. Of two views
// this is the other one, which makes FastSiam SimSiam.
Tensor mean_of_others(const Tensor& z, int64_t views);

}  // namespace fovea::losses
