#pragma once

#include <fovea/core/tensor.h>

// Assignments to prototypes and centres. No gradient flows through any of them.
namespace fovea {

struct SinkhornOptions {
  double epsilon = 0.05;  // above 0: the smaller, the harder the codes
  int iterations = 3;     // of normalising columns and rows
};

// SwAV's codes (Caron et al., 2020): scores [B, K] become soft assignments [B, K] of the same dtype in which each
// sample's row sums to 1 and the prototypes' masses approach B / K: exp(scores / epsilon), its columns and rows
// normalised in turn, columns first. B and K at least 1. queued [Q, K] of the same dtype, or
// undefined: scores of further samples, which count for the prototypes' masses, (B + Q) / K then, and get no codes.
// Scores are cosines or the like: see kernels/sinkhorn.h for what more than 80 epsilon apart means.
Tensor sinkhorn(const Tensor& scores, const SinkhornOptions& options = {}, const Tensor& queued = {});

// For each row of x [N, D] the row of `rows` [K, D], K at least 1, with the largest dot product (the cosine for rows of
// length 1): i64 [N], the first of equal ones, -1 for rows with NaN. The similarities are never written.
Tensor nearest_rows(const Tensor& x, const Tensor& rows);

// k-means on x [N, D] with centres [K, D] of the same dtype: the nearest centre of each row, i64 [N] (the lower number
// of equally near ones; -1 for rows with NaN), and the centres after the rows have been assigned: the means of theirs,
// or what they were where they have none.
Tensor kmeans_assign(const Tensor& x, const Tensor& centres);
Tensor kmeans_update(const Tensor& x, const Tensor& labels, const Tensor& centres);

}  // namespace fovea
