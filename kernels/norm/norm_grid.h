#pragma once

// Private to kernels/norm*.cpp: how a matrix is divided for them.
#include <algorithm>
#include <cstdint>

#include <fovea/kernels/norm/norm_isa.h>

namespace fovea::kernels {

// A matrix cut into blocks of about 256 KiB of f32, whatever the number of threads. Threads take blocks as they come:
// each block's sums have their own place, so that changes nothing in the result.
struct NormGrid {
  static constexpr int64_t kBlock = 1 << 16, kMinRows = 32, kMaxRows = 1024;
  int64_t rows, channels, row_step, col_step, row_blocks, col_blocks;

  NormGrid(int64_t r, int64_t c) : rows(r), channels(c) {
    col_blocks = (channels + kMaxCols - 1) / kMaxCols;
    col_step = (channels + col_blocks - 1) / col_blocks;
    row_step = std::clamp(kBlock / col_step, kMinRows, kMaxRows);
    row_blocks = (rows + row_step - 1) / row_step;
  }
  int64_t count() const { return row_blocks * col_blocks; }
  int64_t row_block(int64_t i) const { return i / col_blocks; }
  int64_t col(int64_t i) const { return i % col_blocks * col_step; }
  int64_t offset(int64_t i) const { return row_block(i) * row_step * channels + col(i); }  // of its first element
  int64_t partial(int64_t i) const { return row_block(i) * channels + col(i); }            // of its first column's sums
  int64_t rows_in(int64_t row_block) const { return std::min(row_step, rows - row_block * row_step); }
  RowBlock block(int64_t i) const { return {rows_in(row_block(i)), std::min(col_step, channels - col(i)), channels}; }
};

template <class P>
inline P* shifted(P* p, int64_t offset) {
  return p ? p + offset : nullptr;
}

template <class A>
inline Columns<A> shifted(const Columns<A>& columns, int64_t c) {
  return {columns.mean + c, columns.scale + c, columns.shift + c};
}

}  // namespace fovea::kernels
