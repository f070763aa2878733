#pragma once

#include <cstdint>
#include <span>

#include <fovea/kernels/context.h>
#include <fovea/kernels/image.h>

// Views of a whole batch made on a device: what resize_rgb, blend_constant, ... of image.h do to one picture after the
// other, with the same numbers to the bit.
namespace fovea::kernels {

// How one view is made of one 8-bit RGB image, everything random decided. In this order: resize, crop, flips and turn,
// then `steps` steps.
struct Augmentation {
  enum Step : int32_t {
    brightness,  // value: factor
    contrast,    // value: factor; at most one of these
    saturation,  // value: factor
    hue,         // value: of 255 to the full circle, an integer
    gray,
    solarize,  // value: threshold
    blur,      // at most one of these, after contrast
  };
  static constexpr int kMaxSteps = 8;

  int64_t pixels = 0, stride = 0;  // bytes: where the image begins in the memory of all images; from row to row
  int32_t width = 0, height = 0;   // of the image; nothing beyond is seen
  Box box{};                       // what of it is resized
  int32_t resized_width = 0, resized_height = 0;  // to this
  int32_t left = 0, top = 0;                      // and the view's place in the result; what lies beyond is zero
  ResizeFilter filter = ResizeFilter::bilinear;
  bool mirror = false;  // the resized picture from right to left
  bool vflip = false;   // the view upside down, then
  bool rotate = false;  // a quarter turn counter-clockwise
  int32_t steps = 0;
  Step step[kMaxSteps] = {};
  float value[kMaxSteps] = {};
  int32_t radius = 0;   // of the blur, less than the view's size
  int64_t weights = 0;  // where its radius + 1 weights begin in the memory of all weights

  int32_t first_row = 0, rows = 0;  // by augment_work(): which of the image's rows the view needs,
  int64_t between = 0;              // and where they stand, resized, between the two passes
};

// What a batch of views needs in all. augment_work() finds it, and completes the views.
struct AugmentWork {
  int64_t views = 0, between = 0;
  int size = 0, taps = 0, rows = 0, radius = -1;
  int64_t row_bytes = 0;
};
AugmentWork augment_work(std::span<Augmentation> views, int size);

// out [views, size, size, 3] = x * scale[c] + bias[c] for each byte x of the views and its channel, in five launches.
// scale and bias, three numbers each, are the host's. `pixels` has all images, `weights` those of all blurs (image.h).
//         reads the images; writes the resized rows and reads them; writes the views' bytes and reads them, those with
//         a blur once more; writes out
void augment(Cuda&, const AugmentWork& work, const uint8_t* pixels, const Augmentation* views, const float* weights,
             const float* scale, const float* bias, float* out);

}  // namespace fovea::kernels
