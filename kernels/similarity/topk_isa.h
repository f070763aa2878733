#pragma once

// Private to kernels/: the filter of topk.h, at full speed.
#include <cstdint>

#include <fovea/kernels/bf16.h>
#include <fovea/kernels/isa.h>

namespace fovea::kernels {

struct Hit {
  int32_t row, col;
};

// Finds the scores s [rows, cols], rows `ld` apart, above limit[col], row by row. Returns how many there are.
template <Isa I, class T>
int64_t scan_scores(const T* s, int64_t ld, int64_t rows, int64_t cols, const T* limit, Hit* hits);

// s[r, c] -= half[r]
template <Isa I, class T>
void lower_scores(T* s, int64_t ld, int64_t rows, int64_t cols, const T* half);

// |x|^2 of each row.
template <Isa I, class T>
void squared_norms(const T* x, int64_t rows, int64_t dim, T* norms);

// Rows rounded to bf16 (null: not written), their norms and those of what rounding took off (both null: not wanted).
template <Isa I>
void round_rows(const float* x, int64_t rows, int64_t dim, bf16* rounded, float* norm, float* error);

}  // namespace fovea::kernels
