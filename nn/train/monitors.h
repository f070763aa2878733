#pragma once

#include <fovea/core/tensor.h>

// Numbers that tell whether representations collapse: cheap enough for every few steps, no gradients. z is [N, D], one
// row a sample, of any floating dtype and device.
namespace fovea::nn {

// The mean over dimensions of the (unbiased) standard deviation of the l2-normalised rows. About 1 / sqrt(D) when rows
// spread over all directions, 0 when they are all the same. Wants at least two rows.
double normalized_std(const Tensor& z);

// RankMe (Garrido et al., 2023): exp of the entropy of the singular values of z, divided by their sum. From 1 (all rows
// on one line) to min(N, D); 0 for z = 0. Costs an eigenvalue decomposition of the smaller Gram matrix.
double effective_rank(const Tensor& z);

// The mean absolute correlation between two different dimensions over the rows: 0 decorrelated, 1 redundant. A
// dimension without variance counts as uncorrelated. Wants two rows and two dimensions at least.
double mean_correlation(const Tensor& z);

// Mean cosine similarities between the rows of two views: of a sample with itself, and with all other samples. A
// healthy run has the first well above the second; collapse brings both to 1.
struct Similarities {
  double positive = 0, negative = 0;  // negative is 0 for one row
};
Similarities view_similarities(const Tensor& z0, const Tensor& z1);

}  // namespace fovea::nn
