#pragma once

#include <array>
#include <functional>
#include <utility>
#include <vector>

#include <fovea/core/random.h>
#include <fovea/data/image/source.h>

// Augmentations with the semantics of torchvision's transforms on PIL images: 8 bits between steps, PIL's rounding.
// Each is a small struct called with an image and the sample's random numbers; ranges are inclusive of `low`. Their
// functional forms (adjust_hue, ...) take the drawn values and work in place.
namespace fovea::data {

struct Range {
  float low = 0, high = 0;
};

// Multiplies by factor >= 0.
void adjust_brightness(Image& image, float factor);
// Blends with the mean of the grayscale image, factor >= 0: 0 is flat gray, 1 changes nothing.
void adjust_contrast(Image& image, float factor);
// Blends with its own grayscale image, factor >= 0.
void adjust_saturation(Image& image, float factor);
// Turns the hue by factor in [-0.5, 0.5] of the circle, through PIL's 8-bit HSV.
void adjust_hue(Image& image, float factor);
// (19595 R + 38470 G + 7471 B + 32768) >> 16 in all three channels.
void to_grayscale(Image& image);
// v >= threshold becomes 255 - v.
void solarize(Image& image, int threshold = 128);
// Separable, reflecting at the borders. kernel_size is odd; 0 makes it wide enough for sigma pixels (2 ceil(3 sigma) +
// 1). A kernel wider than the image allows (2 side - 1) is narrowed.
void gaussian_blur(Image& image, int kernel_size, float sigma);
// Its weights, the centre first, for an image of width x height.
std::vector<float> gaussian_weights(int kernel_size, float sigma, int width, int height);
void hflip(Image& image);
void vflip(Image& image);
// Quarter turns counter-clockwise.
Image rotate90(const Image& image, int turns = 1);

// The rectangle that RandomResizedCrop takes of a width x height image: area in scale * width * height, log-uniform
// aspect ratio; after ten failures the largest centred one within the ratios (Szegedy et al., 2015; torchvision).
Rect random_crop_rect(int width, int height, Range scale, Range ratio, Rng& rng);

// A random part resized to size x size, and mirrored with probability `flip` (free here).
struct RandomResizedCrop {
  int size = 224;
  Range scale{0.08f, 1.0f};
  Range ratio{3.0f / 4.0f, 4.0f / 3.0f};
  Filter filter = Filter::bilinear;
  float flip = 0;
  Image operator()(const Source& source, Rng& rng) const;
};

struct HorizontalFlip {
  float p = 0.5f;
  Image operator()(Image image, Rng& rng) const;
};

struct VerticalFlip {
  float p = 0.5f;
  Image operator()(Image image, Rng& rng) const;
};

// One quarter turn counter-clockwise with probability p.
struct Rotate90 {
  float p = 0.5f;
  Image operator()(Image image, Rng& rng) const;
};

// One of the adjustments above, and what it is called with.
struct Adjustment {
  enum Kind { brightness, contrast, saturation, hue } kind;
  float factor;
};
void adjust(Image& image, const Adjustment& adjustment);

// All four adjustments in random order: factors uniform in [max(0, 1 - x), 1 + x], hue in [-hue, hue]. 0 skips one.
struct ColorJitter {
  float brightness = 0, contrast = 0, saturation = 0, hue = 0;
  std::vector<Adjustment> draw(Rng& rng) const;
  Image operator()(Image image, Rng& rng) const;
};

struct RandomGrayscale {
  float p = 0.1f;
  Image operator()(Image image, Rng& rng) const;
};

struct GaussianBlur {
  int kernel_size = 0;  // as in gaussian_blur()
  Range sigma{0.1f, 2.0f};
  Image operator()(Image image, Rng& rng) const;
};

struct Solarize {
  int threshold = 128;
  float p = 1;
  Image operator()(Image image, Rng& rng) const;
};

// The short side becomes `size`, the long one keeps the aspect ratio (truncated, as torchvision does).
struct Resize {
  int size = 256;
  Filter filter = Filter::bilinear;
  std::pair<int, int> target(int width, int height) const;  // what an image of width x height becomes
  Image operator()(const Source& source, Rng& rng) const;
};

// A width = height = size part from the middle; what lies beyond a smaller image is zero.
struct CenterCrop {
  int size = 224;
  int offset(int side) const;  // of the part in a side of that length; negative if it is shorter
  Image operator()(const Image& image, Rng& rng) const;
};

// `border` zero pixels on every side.
struct Pad {
  int border = 4;
  Image operator()(const Image& image, Rng& rng) const;
};

// A size x size part at a random place of the image, padded by `padding` zeros first. Throws Error if that is smaller.
struct RandomCrop {
  int size = 32, padding = 0;
  Image operator()(const Image& image, Rng& rng) const;
};

using Transform = std::function<Image(Image, Rng&)>;

// The transform with probability p, else the image as it is.
template <class T>
struct RandomApply {
  T transform;
  float p = 0.5f;
  Image operator()(Image image, Rng& rng) const { return rng.bernoulli(p) ? transform(std::move(image), rng) : image; }
};

// v / 255 minus the mean, over the standard deviation, channel by channel (red, green, blue).
struct Normalize {
  std::array<float, 3> mean{0.485f, 0.456f, 0.406f};  // ImageNet's
  std::array<float, 3> std{0.229f, 0.224f, 0.225f};
  struct Affine {
    float scale[3], bias[3];
  };
  Affine affine() const;  // the same as v * scale + bias
  // Writes [height, width, 3] floats.
  void operator()(const Image& image, float* out) const;
  // The same for u8 [..., 3], on the device where it lies.
  Tensor operator()(const Tensor& images) const;
  // The way back, rounded and clamped, from one [height, width, 3] picture.
  Image invert(const float* pixels, int width, int height) const;
};

}  // namespace fovea::data
