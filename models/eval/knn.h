#pragma once

#include <cstdint>

#include <fovea/models/eval/features.h>

namespace fovea::models {

struct Neighbours {
  Tensor index;       // i64 [M, k]: rows of the bank, the most similar first
  Tensor similarity;  // f32 [M, k]: cosines
};

// The k rows of bank [N, D] most similar to each row of queries [M, D] by cosine, found on the device where both lie; k
// is clamped to N. Memory grows with M * k, never with M * N.
Neighbours nearest(const Tensor& bank, const Tensor& queries, int64_t k);

struct KnnOptions {
  int64_t k = 200;  // clamped to the size of the bank
  double temperature = 0.1;
};

// Weighted k-NN classification (Wu et al., 2018): each of the k nearest rows of the bank votes for its class with
// weight exp(cosine / temperature). i64 [M] on the CPU; at equal votes the smaller class. The rows may lie on a device,
// labels lie on the CPU.
Tensor knn_predict(const Features& bank, const Tensor& queries, int64_t classes, const KnnOptions& options = {});

// The share of queries whose prediction is their label.
double knn_accuracy(const Features& bank, const Features& queries, int64_t classes, const KnnOptions& options = {});

}  // namespace fovea::models
