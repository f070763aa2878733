#pragma once

#include <cstdint>

#include <fovea/kernels/context.h>

// Loops over the pixels of one picture: 8-bit RGB, interleaved, with the arithmetic of PIL and torchvision. They run on
// the calling thread alone, because a loader already gives each thread pictures of its own; so, but for normalize(),
// they exist on the CPU only.
namespace fovea::kernels {

enum class ResizeFilter { bilinear, bicubic };

// An image of width x height pixels whose rows begin `stride` bytes apart.
struct Pixels {
  const uint8_t* data;
  int64_t stride;
  int width, height;
};

// PIL's antialiased resize of the box [left, right) x [top, bottom) of `in`, in (fractional) pixels within it, to
// out_width x out_height, mirrored left to right if `mirror`; out is [out_height, out_width, 3]. Weights have 22
// fractional bits, rows are resized first and rounded to 8 bits in between. The filter's support, 1 (bilinear) or 2
// (bicubic) pixels of the coarser image on each side, sees pixels outside the box but none outside `in`.
//                                                     reads the box, writes out and (box height x out_width) between
struct Box {
  double left, top, right, bottom;
};
void resize_rgb(Cpu&, const Pixels& in, const Box& box, uint8_t* out, int out_width, int out_height,
                ResizeFilter filter, bool mirror);

// x = c + a (x - c), truncated and clamped: brightness (c = 0) and contrast (c = the gray mean).     reads and writes n
void blend_constant(Cpu&, uint8_t* x, int64_t n, int c, float a);

// x = L + a (x - L) with the pixel's own gray level L: saturation.                      reads and writes 3 pixels
void blend_gray(Cpu&, uint8_t* x, int64_t pixels, float a);

// Gray levels L = (19595 R + 38470 G + 7471 B + 32768) >> 16: their sum; and all three channels set to them.
int64_t gray_sum(Cpu&, const uint8_t* x, int64_t pixels);  // reads 3 pixels
void to_gray(Cpu&, uint8_t* x, int64_t pixels);            // reads and writes 3 pixels

// Adds `shift` (of 255 to the full circle, wrapping at 256) to the hue in PIL's 8-bit HSV and converts back.
//                                                                                       reads and writes 3 pixels
void shift_hue(Cpu&, uint8_t* x, int64_t pixels, int shift);

// x = 255 - x where x >= threshold.                                                     reads and writes n
void solarize(Cpu&, uint8_t* x, int64_t n, int threshold);

// Separable convolution with a symmetric kernel: weight[0] at the centre, weight[radius] at both ends; reflects at the
// borders without repeating the edge, so radius < width, height. Rounds to nearest even.       reads and writes 3 w h
void blur_rgb(Cpu&, uint8_t* x, int width, int height, const float* weight, int radius);

// out = x * scale[c] + bias[c] for each channel c of three; scale and bias are in host memory for every device.
//                                                                                  reads 3 pixels, writes 12 pixels
void normalize_rgb(Cpu&, const uint8_t* x, float* out, int64_t pixels, const float* scale, const float* bias);
void normalize_rgb(Cuda&, const uint8_t* x, float* out, int64_t pixels, const float* scale, const float* bias);

}  // namespace fovea::kernels
