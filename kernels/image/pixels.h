#pragma once

// Private: the arithmetic of PIL and torchvision on single pixels and on the weights of a resize, one body for the
// CPU's loops and the device's kernels. Both must compile it without fusing a multiplication and an addition into one
// rounding: then they agree to the bit.
#include <cmath>
#include <cstdint>

#include <fovea/kernels/host_device.h>
#include <fovea/kernels/image.h>

namespace fovea::kernels {

struct Rgb {
  int r, g, b;
};

FOVEA_HD inline uint8_t clamp_byte(float v) {
  return uint8_t(v < 0 ? 0 : v > 255 ? 255.0f : v);
}
FOVEA_HD inline int gray_level(int r, int g, int b) {
  return (r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16;
}
// c + a (x - c), truncated and clamped.
FOVEA_HD inline uint8_t blend_byte(int x, int c, float a) {
  return clamp_byte(float(c) + a * float(x - c));
}
FOVEA_HD inline uint8_t solarize_byte(int x, int threshold) {
  return uint8_t(x < threshold ? x : 255 - x);
}

// PIL's rgb2hsv and hsv2rgb without branches, `shift` in [0, 255] of 255 added to the hue between them. Hue there is a
// chain of float and double roundings before it is cut to 8 bits, where one unit is up to six levels of a channel, so
// that chain is kept as it is; with q = (max - middle) / (max - min) it is one of q - 1, 1 - q, 1 + q, 3 - q, 3 + q,
// 5 - q sixths of the circle. Back, a channel is v (1 - s w), w its distance from its own sector, held in [0, 1].
FOVEA_HD inline Rgb shift_hue_pixel(int r, int g, int b, int shift) {
  const int rg = r > g ? r : g, max = rg > b ? rg : b, low = r < g ? r : g, min = low < b ? low : b;
  const int spread = max - min, middle = r + g + b - max - min;
  const float chroma = float(spread > 0 ? spread : 1);
  const float q = float(max - middle) / chroma;
  const bool red = r == max, green = !red && g == max, blue = !red && !green;
  const bool plus = (green && b == min && b <= r) || (blue && r == min && r <= g);
  const bool red_minus = red && g <= b;
  const float base = red ? (red_minus ? -1.0f : 1.0f) : green ? (plus ? 1.0f : 3.0f) : (plus ? 3.0f : 5.0f);
  const float sixths = plus || red_minus ? base + q : base - q;
  double turn = double(sixths) * (1.0 / 6.0) + 1.0;
  turn = turn >= 1.0 ? turn - 1.0 : turn;
  const int hue = int(double(float(turn)) * 255.0);
  const float value = float(max);
  const int saturation = int(double(float(spread) / (max > 0 ? value : 1.0f)) * 255.0);

  const int turned = ((hue + shift) & 255) * 6;  // 1530 is a full circle
  const float s = float(saturation) * (1.0f / 255.0f);
  auto channel = [&](int offset) {
    int k = turned + offset;
    k = k >= 1530 ? k - 1530 : k;
    k = k >= 1530 ? k - 1530 : k;
    int w = k < 1020 - k ? k : 1020 - k;
    w = w < 0 ? 0 : w > 255 ? 255 : w;
    return int(uint8_t(value * (1.0f - s * (float(w) * (1.0f / 255.0f))) + 0.5f));
  };
  return {channel(1275), channel(765), channel(255)};
}

// One axis of PIL's ImagingResample: `out` positions over [begin, end) of an axis of `in` pixels, 22-bit weights.
struct ResizeScale {
  double begin, scale, inverse, support;
  int in;
  bool cubic;
};
inline constexpr int kResizeBits = 22;

FOVEA_HD inline ResizeScale resize_scale(double begin, double end, int in, int out, ResizeFilter filter) {
  const bool cubic = filter == ResizeFilter::bicubic;
  const double scale = (end - begin) / out, wide = scale > 1.0 ? scale : 1.0;
  return {begin, scale, 1.0 / wide, (cubic ? 2.0 : 1.0) * wide, in, cubic};
}
// An upper bound of the pixels that one position reads.
FOVEA_HD inline int resize_taps(const ResizeScale& s) {
  return int(ceil(s.support)) * 2 + 1;
}
// The pixels that position i reads: [first, first + count).
struct ResizeWindow {
  double center;
  int first, count;
};
FOVEA_HD inline ResizeWindow resize_window(const ResizeScale& s, int i) {
  const double center = s.begin + (i + 0.5) * s.scale;
  int low = int(center - s.support + 0.5), high = int(center + s.support + 0.5);
  low = low > 0 ? low : 0, high = high < s.in ? high : s.in;
  return {center, low, high - low};
}
// The weight of pixel first + k before it is divided by the sum of all.
FOVEA_HD inline double resize_weight(const ResizeScale& s, const ResizeWindow& window, int k) {
  const double x = fabs((k + window.first - window.center + 0.5) * s.inverse);
  if (!s.cubic) return x < 1 ? 1 - x : 0;
  constexpr double a = -0.5;
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}
FOVEA_HD inline int32_t resize_fixed(double weight, double sum) {
  const double scaled = (sum != 0 ? weight / sum : weight) * (1 << kResizeBits);
  return int32_t(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
}

}  // namespace fovea::kernels
