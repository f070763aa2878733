#pragma once

#include <fovea/core/tensor.h>

namespace fovea::losses {

struct DirectClrOptions {
  int64_t channels = 360;    // d, in [1, D]; the paper's 360 are of 2048
  double temperature = 0.1;  // t, above 0
};

// DirectCLR (Jing et al., 2022, arXiv:2110.09348): InfoNCE on the first d channels of a backbone's own output,
// without a projector. r0, r1 [N, D], row i of one the positive of row i of the other; both are cut to [N, d]
// and only then divided by their lengths. With S_ij = r0_i . r1_j / t,
//
//   loss = ( cross entropy of the rows of S + cross entropy of its columns ) / 2, labels 0, 1, ..., N - 1
//
// a scalar: negatives are the other view's rows only. The gradient of the other channels is 0: they learn through the
// layers before. Memory grows with N * d.
Tensor directclr(const Tensor& r0, const Tensor& r1, const DirectClrOptions& options = {});

}  // namespace fovea::losses
