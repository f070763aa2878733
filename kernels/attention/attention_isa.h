#pragma once

// Private to kernels/: what attention does to rows and to strips of logits, s [rows, cols] with rows `ld` apart.
#include <cstdint>

#include <fovea/kernels/bf16.h>
#include <fovea/kernels/isa.h>

namespace fovea::kernels {

// Which of a strip's keys may be attended to.
struct Allowed {
  const uint8_t* mask;  // [cols], null: all
  int64_t last;         // row r ends with column last + r; cols or more: no end
};

// Rows of `dim` elements `stride` apart, as rows of `ld` accumulators with zeros from dim on.
template <Isa I, class T>
void load_rows(const T* from, int64_t stride, int64_t rows, int64_t dim, accumulator_t<T>* to, int64_t ld);
// The way back, row r times factor[r]; null: 1.
template <Isa I, class T>
void store_rows(const accumulator_t<T>* from, int64_t ld, int64_t rows, int64_t dim, const accumulator_t<T>* factor,
                T* to, int64_t stride);
// out[r] = the product of rows r of a and b.
template <Isa I, class T>
void dot_rows(const T* a, const T* b, int64_t rows, int64_t ld, T* out);

// s = exp(scale s - the row's largest), 0 where not allowed; inverse = 1 / the row's sum; lse its log-sum-exp. A row
// that allows nothing: s = 0, inverse = 0, lse = infinity.
template <Isa I, class T>
void strip_softmax(T* s, int64_t ld, int64_t rows, int64_t cols, T scale, Allowed allowed, T* inverse, T* lse);
// s = exp(scale s - lse), 0 where not allowed.
template <Isa I, class T>
void strip_probabilities(T* s, int64_t ld, int64_t rows, int64_t cols, T scale, Allowed allowed, const T* lse);
// dp = scale p (dp - delta of the row).
template <Isa I, class T>
void strip_slopes(const T* p, T* dp, int64_t ld, int64_t rows, int64_t cols, T scale, const T* delta);

}  // namespace fovea::kernels
