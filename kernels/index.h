#pragma once

#include <cstddef>
#include <cstdint>

#include <fovea/kernels/bf16.h>
#include <fovea/kernels/context.h>

// Moving elements. Copies know only the elements' size: 1, 2, 4 or 8 bytes.
namespace fovea::kernels {

// A box of elements in two arrays: its sizes and how far, in elements, a step along each dimension goes in the source
// and in the target. Steps may be negative; 0 in the source repeats an element. Twelve dimensions: six, each halved.
struct StridedBox {
  static constexpr int kMaxRank = 12;
  int rank = 0;
  int64_t size[kMaxRank] = {}, from[kMaxRank] = {}, to[kMaxRank] = {};

  void push_back(int64_t n, int64_t from_step, int64_t to_step) {
    size[rank] = n, from[rank] = from_step, to[rank] = to_step;
    ++rank;
  }
};

// to[..] = from[..] over the box; the target's elements must be distinct.    reads and writes the box
void copy_strided(Cpu&, const void* from, void* to, size_t element_bytes, const StridedBox& box);
void copy_strided(Cuda&, const void* from, void* to, size_t element_bytes, const StridedBox& box);

// Rows of `row_bytes` bytes: y[b, k] = x[b, index[b, k]], x [batch, rows] rows and y [batch, picks] rows; one index
// [picks] for the whole batch if !index_per_batch. Indices must lie in [0, rows).
//                                                                           reads and writes batch * picks rows
void gather(Cpu&, const void* x, const int64_t* index, void* y, int64_t batch, int64_t rows, int64_t picks,
            size_t row_bytes, bool index_per_batch);
void gather(Cuda&, const void* x, const int64_t* index, void* y, int64_t batch, int64_t rows, int64_t picks,
            size_t row_bytes, bool index_per_batch);

// Its transpose: y[b, index[b, k], :] += x[b, k, :] for k = 0, 1, ... in this order, whatever the number of threads; y
// is not cleared.                                       reads batch * picks * cols, reads and writes as much of y
template <class T>
void scatter_add(Cpu&, const T* x, const int64_t* index, accumulator_t<T>* y, int64_t batch, int64_t rows,
                 int64_t picks, int64_t cols, bool index_per_batch);
template <class T>
void scatter_add(Cuda&, const T* x, const int64_t* index, accumulator_t<T>* y, int64_t batch, int64_t rows,
                 int64_t picks, int64_t cols, bool index_per_batch);

// y[index[k]] = x[k] for rows of `row_bytes` bytes, x [picks] and y [rows] of them; of equal indices the last k counts.
//                                                                        reads and writes picks rows
void put_rows(Cpu&, const void* x, const int64_t* index, void* y, int64_t rows, int64_t picks, size_t row_bytes);
void put_rows(Cuda&, const void* x, const int64_t* index, void* y, int64_t rows, int64_t picks, size_t row_bytes);

// The first k with index[k] outside [0, limit), or -1. On a device index_check.h does this.             reads n
int64_t find_out_of_range(Cpu&, const int64_t* index, int64_t n, int64_t limit);

// y[i, c] = c == labels[i], labels in [0, classes)                           writes n * classes
void one_hot(Cpu&, const int64_t* labels, float* y, int64_t n, int64_t classes);
void one_hot(Cuda&, const int64_t* labels, float* y, int64_t n, int64_t classes);

}  // namespace fovea::kernels
