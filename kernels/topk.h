#pragma once

#include <cstdint>

#include <fovea/kernels/bf16.h>
#include <fovea/kernels/context.h>

namespace fovea::kernels {

enum class Metric {
  dot,               // q . x; the cosine for rows of length 1. Largest first
  squared_distance,  // |q - x|^2, as |q|^2 - 2 q . x + |x|^2 and at least 0. Smallest first
};

struct TopK {
  int64_t queries, rows, dim;
  int64_t k;  // at most rows
  Metric metric = Metric::dot;
};

// The k nearest rows of bank [rows, dim] of each query [queries, dim], T float, double or bf16: values [queries, k],
// nearest first, and their row numbers, index [queries, k]. Equal values: the lower row first. NaN is nobody's
// neighbour; where fewer than k rows are left, values of -infinity (infinity for distances) with index -1 follow.
// Similarities are made in tiles and filtered against each query's k-th best so far: memory grows with the number of
// threads and k, never with queries * rows. Results do not depend on the number of threads.
// Large searches on CPUs with bf16 units look at rounded rows first and compare exactly what these cannot rule out.
//                                        reads the bank once for every 512 queries; queries rows dim operations
template <class T>
void topk(Cpu&, const TopK& shape, const T* queries, const T* bank, accumulator_t<T>* values, int64_t* index);
template <class T>
void topk(Cuda&, const TopK& shape, const T* queries, const T* bank, accumulator_t<T>* values, int64_t* index);

}  // namespace fovea::kernels
