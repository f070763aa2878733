#pragma once

#include <cstdint>

#include <fovea/kernels/isa.h>

// Private: the vectorised loops behind image.h, one instantiation for each instruction set (image_isa.cpp).
namespace fovea::kernels {

// For each position along one axis of a resized image: the input positions it reads, and their weights in 22-bit fixed
// point, `taps` places each.
struct ResizeAxis {
  int size, taps;
  const int* first;
  const int* count;
  const int32_t* weight;
};

// Bytes that the row loops may read and write past the last pixel of a row.
inline constexpr int kRowSlack = 64;

// Four rows at once along x: out_row[i] gets axis.size pixels. Reads and writes one byte past the last pixel.
template <Isa I>
void resize_four_rows(const uint8_t* const in[4], uint8_t* const out[4], const ResizeAxis& axis);
// One output row from `count` rows of n bytes, `stride` apart. Reads and writes up to kRowSlack bytes past the end.
template <Isa I>
void resize_column(const uint8_t* in, int64_t stride, int count, const int32_t* weight, uint8_t* out, int64_t n);

template <Isa I>
void blend_constant_loop(uint8_t* x, int64_t n, int c, float a);
template <Isa I>
void blend_gray_loop(uint8_t* x, int64_t pixels, float a);
template <Isa I>
int64_t gray_sum_loop(const uint8_t* x, int64_t pixels);
template <Isa I>
void to_gray_loop(uint8_t* x, int64_t pixels);
template <Isa I>
void shift_hue_loop(uint8_t* x, int64_t pixels, int shift);
template <Isa I>
void solarize_loop(uint8_t* x, int64_t n, int threshold);
// out[i] = weight[0] rows[0][i] + sum over k of weight[k] (rows[2k - 1][i] + rows[2k][i])
template <Isa I>
void blur_column(const uint8_t* const* rows, const float* weight, int radius, float* out, int64_t n);
// out[i] = round(weight[0] in[i] + sum over k of weight[k] (in[i - 3k] + in[i + 3k]))
template <Isa I>
void blur_row(const float* in, const float* weight, int radius, uint8_t* out, int64_t n);
template <Isa I>
void normalize_loop(const uint8_t* x, float* out, int64_t pixels, const float* scale, const float* bias);

}  // namespace fovea::kernels
