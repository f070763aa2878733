#pragma once

#include <cstdint>

#include <fovea/kernels/bf16.h>
#include <fovea/kernels/context.h>

// The two halves of an iteration of k-means on x [rows, dim] with centres [clusters, dim].
namespace fovea::kernels {

struct KMeans {
  int64_t rows, dim, clusters;
};

// labels[rows]: the centre at the smallest squared distance, the lower number of equal ones; -1 for rows with NaN.
// distances[rows]: that squared distance. The matrix of distances is never in memory (topk.h).
template <class T>
void kmeans_assign(Cpu&, const KMeans& shape, const T* x, const T* centres, int64_t* labels,
                   accumulator_t<T>* distances);
template <class T>
void kmeans_assign(Cuda&, const KMeans& shape, const T* x, const T* centres, int64_t* labels,
                   accumulator_t<T>* distances);

// Each centre becomes the mean of the rows with its label, summed in an order that never changes; a centre without rows
// stays. Labels outside [0, clusters) count for nobody.                       reads x once and the labels
template <class T>
void kmeans_update(Cpu&, const KMeans& shape, const T* x, const int64_t* labels, T* centres);
template <class T>
void kmeans_update(Cuda&, const KMeans& shape, const T* x, const int64_t* labels, T* centres);

}  // namespace fovea::kernels
