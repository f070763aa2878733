#pragma once

#include <cstdint>

#include <fovea/core/tensor.h>

namespace fovea::losses {

struct MmcrOptions {
  int64_t views = 2;
  double lambda = 0;  // weight of the term that makes each image's views compact; 0 in the released configurations
};

// MMCR, maximum manifold capacity representations (Yerxa et al., 2023, arXiv:2303.03307): the mean of an image's views
// is long only if they agree, and the nuclear norm of all images' means is large only if these differ.
//
// z [views N, D], all samples in the first view, then all in the second, ...: row i of each view is image i. With rows
// divided by their lengths, C [N, D] the means over the views and Z_b [views, D] the views of image b,
//
//   loss = -||C||_* + lambda / N  sum_b ||Z_b||_*
//
// at least -sqrt(min(N, D) N), reached by views that agree and images that are orthogonal; -sqrt(N) when all rows are
// equal. momentum, of z's shape, are the rows of a momentum network (the paper's ImageNet runs): C is the mean of both
// then, and no gradient reaches them.
Tensor mmcr(const Tensor& z, const MmcrOptions& options = {}, const Tensor& momentum = {});

}  // namespace fovea::losses
