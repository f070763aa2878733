#pragma once

#include <fovea/core/tensor.h>

namespace fovea::losses {

// Where the mean over an anchor's positives is taken: of the logarithms (the paper's choice), or of the probabilities.
enum class SupConMean { outside, inside };

// SupCon (Khosla et al., 2020, arXiv:2004.11362, equations 2 and 3): NT-Xent in which all rows of a class are positives
// of each other. z [M, D]: all views below each other; labels i64 [N], where M is a multiple of N and row i shows image
// i % N. With z divided by its lengths, s_ij = z_i . z_j / t, Z_i = sum_{a != i} exp(s_ia),
// and P(i) the other rows of i's class,
//
//   outside:  loss = 1 / M  sum_i  1 / |P(i)|  sum_{p in P(i)} -log( exp(s_ip) / Z_i )
//   inside:   loss = 1 / M  sum_i  -log( 1 / |P(i)|  sum_{p in P(i)} exp(s_ip) / Z_i )      never larger
//
// a scalar. A row alone in its class gives 0 and counts in the mean. The temperature t is above 0: 0.1 in the paper.
// When every image has a class of its own and there are two views, both are NT-Xent. The official code multiplies by
// t / 0.07, which rescales the learning rate and is left out here. The floor is not 0 but about log |P|, what classes
// of one point each score. Two matrices [M, M] of f32 and one of bytes live until backward: 36 MiB for 1024 images of
// two views, which is as far as this is meant to go.
Tensor supcon(const Tensor& z, const Tensor& labels, double temperature, SupConMean mean = SupConMean::outside);

}  // namespace fovea::losses
