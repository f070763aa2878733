#pragma once

#include <fovea/core/random.h>

namespace fovea {

// SIGReg (LeJEPA, Balestriero & LeCun, 2025, arXiv:2511.08544): how far z [V, N, D], V samples of N rows, is from
// standard normal along `directions` [D, S]: the mean over samples and directions of the Epps-Pulley statistic of the
// rows' projections, at 17 knots on [0, 3] as in the authors' package (kernels/sigreg.h has the formula). A scalar of
// about 1.05 for normal rows of any number, 0.402 N where all rows are 0. z f32, f64 (CPU), or bf16, which is computed
// in f32 and gives f32. `directions`: columns of length 1, f32 (f64 for f64 z), constant. Between the passes nothing
// larger than z is kept.
Tensor sigreg(const Tensor& z, const Tensor& directions);

// S random directions in D dimensions, [D, S] f32: normal numbers, columns divided by their lengths. The same on every
// device. Draw new ones for each step.
Tensor random_directions(int64_t dim, int64_t count, Generator& generator = default_generator(),
                         Device device = Device::cpu());

}  // namespace fovea
