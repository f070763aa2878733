#pragma once

// Private to kernels/: the filter of topk.h, at full speed.
#include <cstdint>

#include <fovea/kernels/isa.h>

namespace fovea::kernels {

struct Hit {
  int32_t row, col;
};

// Finds the scores s [rows, cols] above limit[col], row by row. Returns how many there are.
template <Isa I, class T>
int64_t scan_scores(const T* s, int64_t rows, int64_t cols, const T* limit, Hit* hits);

// s[r, c] -= half[r]
template <Isa I, class T>
void lower_scores(T* s, int64_t rows, int64_t cols, const T* half);

// |x|^2 of each row.
template <Isa I, class T>
void squared_norms(const T* x, int64_t rows, int64_t dim, T* norms);

}  // namespace fovea::kernels
