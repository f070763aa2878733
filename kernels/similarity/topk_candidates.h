#pragma once

// Private to kernels/: what the exact search of topk.h and its bf16 screen share.
#include <algorithm>
#include <cstdint>
#include <functional>
#include <limits>

#include <fovea/kernels/topk.h>

namespace fovea::kernels {

template <class T>
struct Candidate {
  T value;  // q . x, or q . x - |x|^2 / 2 for distances: either way more is nearer
  int32_t row;
  bool operator<(const Candidate& other) const {  // nearer
    return value > other.value || (value == other.value && row < other.row);
  }
};

// The results of one query from its candidates, nearest first, of which there may be fewer than k. norm is |q|^2.
template <class T>
void write_neighbours(const TopK& s, const Candidate<T>* nearest, int64_t count, T norm, T* values, int64_t* index) {
  const T none = std::numeric_limits<T>::infinity();
  for (int64_t j = 0; j < s.k; ++j) {
    bool found = j < count;
    index[j] = found ? nearest[j].row : -1;
    if (s.metric == Metric::squared_distance)
      values[j] = found ? std::max(T(0), norm - 2 * nearest[j].value) : none;
    else
      values[j] = found ? nearest[j].value : -none;
  }
}

// Whether the screen pays: a large search on a CPU with bf16 units.
bool screen_pays(const TopK& shape);

// topk() in two steps. Similarities of the operands rounded to bf16 leave, for each query, the rows that can be among
// its k nearest whatever rounding did; these are compared exactly, in the arithmetic of the exact search: the results
// are the same to the bit. Queries with too many such rows are handed to `exact`.
using ExactSearch = std::function<void(const TopK& shape, const float* queries, float* values, int64_t* index)>;
void topk_screened(const TopK& shape, const float* queries, const float* bank, float* values, int64_t* index,
                   const ExactSearch& exact);

}  // namespace fovea::kernels
