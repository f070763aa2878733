#include <fovea/kernels/image.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include <fovea/kernels/image/image_isa.h>
#include <fovea/kernels/image/pixels.h>
#include <fovea/kernels/scratch.h>

namespace fovea::kernels {

// The weights of one axis, each output's `taps` places apart; the positions from right to left if `mirror`.
static ResizeAxis resize_axis(Scratch& scratch, double begin, double end, int in, int out, ResizeFilter filter,
                              bool mirror) {
  const ResizeScale scale = resize_scale(begin, end, in, out, filter);
  const int taps = resize_taps(scale);
  int* first = scratch.take<int>(size_t(out) * (taps + 2));
  int* count = first + out;
  int32_t* weight = count + out;
  double* w = scratch.take<double>(size_t(taps));
  for (int i = 0; i < out; ++i) {
    const ResizeWindow window = resize_window(scale, i);
    double sum = 0;
    for (int k = 0; k < window.count; ++k) sum += w[k] = resize_weight(scale, window, k);
    const int at = mirror ? out - 1 - i : i;
    first[at] = window.first;
    count[at] = window.count;
    for (int k = 0; k < window.count; ++k) weight[int64_t(at) * taps + k] = resize_fixed(w[k], sum);
  }
  return {out, taps, first, count, weight};
}

void resize_rgb(Cpu&, const Pixels& in, const Box& box, uint8_t* out, int out_width, int out_height,
                ResizeFilter filter, bool mirror) {
  const int64_t out_stride = int64_t(out_width) * 3;
  if (!mirror && out_width == in.width && out_height == in.height && box.left == 0 && box.top == 0 &&
      box.right == in.width && box.bottom == in.height) {
    for (int y = 0; y < in.height; ++y) std::memcpy(out + y * out_stride, in.data + y * in.stride, size_t(out_stride));
    return;
  }
  Scratch scratch;
  const ResizeAxis across = resize_axis(scratch, box.left, box.right, in.width, out_width, filter, mirror);
  const ResizeAxis down = resize_axis(scratch, box.top, box.bottom, in.height, out_height, filter, false);
  const int top = down.first[0], rows = down.first[out_height - 1] + down.count[out_height - 1] - top;

  const int64_t stride = out_stride + kRowSlack;
  uint8_t* between = scratch.take<uint8_t>(size_t(stride) * rows);
  uint8_t* spare = scratch.take<uint8_t>(size_t(stride));
  // The loop reads a byte past a row's end, which for the image's last row may be past its memory.
  uint8_t* last = scratch.take<uint8_t>(size_t(in.width) * 3 + kRowSlack);
  std::memcpy(last, in.data + (in.height - 1) * in.stride, size_t(in.width) * 3);
  auto in_row = [&](int y) { return y + top == in.height - 1 ? last : in.data + (y + top) * in.stride; };
  uint8_t* final_row = scratch.take<uint8_t>(size_t(stride));
  with_isa([&]<Isa I>() {
    for (int y = 0; y < rows; y += 4) {
      const uint8_t* from[4];
      uint8_t* to[4];
      for (int j = 0; j < 4; ++j) {
        from[j] = in_row(std::min(y + j, rows - 1));
        to[j] = y + j < rows ? between + (y + j) * stride : spare;
      }
      resize_four_rows<I>(from, to, across);
    }
    for (int y = 0; y < out_height; ++y) {
      // Whole vectors are written, so all rows but the last few may spill into the next.
      const bool spills = (out_height - 1 - y) * out_stride < kRowSlack;
      uint8_t* to = spills ? final_row : out + y * out_stride;
      resize_column<I>(between + (down.first[y] - top) * stride, stride, down.count[y],
                       down.weight + int64_t(y) * down.taps, to, out_stride);
      if (spills) std::memcpy(out + y * out_stride, final_row, size_t(out_stride));
    }
  });
}

void blend_constant(Cpu&, uint8_t* x, int64_t n, int c, float a) {
  with_isa([&]<Isa I>() { blend_constant_loop<I>(x, n, c, a); });
}

void blend_gray(Cpu&, uint8_t* x, int64_t pixels, float a) {
  with_isa([&]<Isa I>() { blend_gray_loop<I>(x, pixels, a); });
}

int64_t gray_sum(Cpu&, const uint8_t* x, int64_t pixels) {
  return with_isa([&]<Isa I>() { return gray_sum_loop<I>(x, pixels); });
}

void to_gray(Cpu&, uint8_t* x, int64_t pixels) {
  with_isa([&]<Isa I>() { to_gray_loop<I>(x, pixels); });
}

void shift_hue(Cpu&, uint8_t* x, int64_t pixels, int shift) {
  with_isa([&]<Isa I>() { shift_hue_loop<I>(x, pixels, shift & 255); });
}

void solarize(Cpu&, uint8_t* x, int64_t n, int threshold) {
  with_isa([&]<Isa I>() { solarize_loop<I>(x, n, threshold); });
}

void blur_rgb(Cpu&, uint8_t* x, int width, int height, const float* weight, int radius) {
  // Rows are replaced in place while later ones still read them, hence the copy.
  Scratch scratch;
  const int64_t n = int64_t(width) * 3, stride = n + kRowSlack;
  uint8_t* copy = scratch.take<uint8_t>(size_t(stride) * height);
  for (int y = 0; y < height; ++y) std::memcpy(copy + y * stride, x + y * n, size_t(n));
  float* padded = scratch.take<float>(size_t(n) + 6 * size_t(radius) + kRowSlack);
  float* line = padded + 3 * radius;
  const uint8_t** rows = scratch.take<const uint8_t*>(size_t(2 * radius + 1));
  auto reflect = [](int i, int size) { return i < 0 ? -i : i >= size ? 2 * (size - 1) - i : i; };
  with_isa([&]<Isa I>() {
    for (int y = 0; y < height; ++y) {
      rows[0] = copy + y * stride;
      for (int k = 1; k <= radius; ++k) {
        rows[2 * k - 1] = copy + reflect(y - k, height) * stride;
        rows[2 * k] = copy + reflect(y + k, height) * stride;
      }
      blur_column<I>(rows, weight, radius, line, n);
      for (int k = 1; k <= radius; ++k) {
        std::memcpy(line - 3 * k, line + 3 * k, 3 * sizeof(float));
        std::memcpy(line + n + 3 * (k - 1), line + n - 3 * (k + 1), 3 * sizeof(float));
      }
      blur_row<I>(line, weight, radius, x + y * n, n);
    }
  });
}

void normalize_rgb(Cpu&, const uint8_t* x, float* out, int64_t pixels, const float* scale, const float* bias) {
  with_isa([&]<Isa I>() { normalize_loop<I>(x, out, pixels, scale, bias); });
}

}  // namespace fovea::kernels
