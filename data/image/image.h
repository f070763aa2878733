#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <fovea/kernels/image.h>

namespace fovea::data {

// Pixels x .. x + width - 1 and y .. y + height - 1 of an image.
struct Rect {
  int x = 0, y = 0, width = 0, height = 0;
};

// How resize() weighs pixels; both widen with the scale when they shrink an image (antialiasing), as in PIL.
using Filter = kernels::ResizeFilter;

// A colour picture: 8 bits a channel, rows from top to bottom, [height, width, 3]. Copying copies the pixels.
class Image {
 public:
  static constexpr int kChannels = 3;
  static constexpr int64_t kMaxPixels = int64_t(1) << 26;  // what decoding accepts: 64 Mpixel

  Image() = default;
  Image(int width, int height);  // uninitialised pixels; throws Error unless both are positive
  Image(const Image& other);
  Image& operator=(const Image& other);
  Image(Image&&) = default;
  Image& operator=(Image&&) = default;

  bool empty() const { return !pixels_; }
  int width() const { return width_; }
  int height() const { return height_; }
  Rect rect() const { return {0, 0, width_, height_}; }
  size_t bytes() const { return size_t(width_) * height_ * kChannels; }
  uint8_t* data() { return pixels_.get(); }
  const uint8_t* data() const { return pixels_.get(); }
  uint8_t* row(int y) { return data() + size_t(y) * width_ * kChannels; }
  const uint8_t* row(int y) const { return data() + size_t(y) * width_ * kChannels; }
  uint8_t* at(int x, int y) { return row(y) + x * kChannels; }
  const uint8_t* at(int x, int y) const { return row(y) + x * kChannels; }
  bool operator==(const Image& other) const;

 private:
  int width_ = 0, height_ = 0;
  std::unique_ptr<uint8_t[]> pixels_;
};

// Reads a JPEG, PNG or BMP. Grayscale becomes three equal channels, alpha is dropped (as PIL's convert("RGB") does),
// palettes are resolved, 16-bit channels lose their low byte. Throws one Error naming the file if it cannot be read, is
// truncated or corrupt, or is larger than Image::kMaxPixels (checked before anything is decoded).
Image load_image(const std::filesystem::path& path);
// The same from memory; `name` is what errors call it.
Image decode_image(std::span<const uint8_t> bytes, const std::string& name);

std::vector<uint8_t> encode_png(const Image& image);
void save_png(const Image& image, const std::filesystem::path& path);  // throws Error if it cannot be written

// `rect` of the image (within it, else Error) resized to width x height, mirrored left to right if `mirror`: what
// torchvision's resized_crop makes of a PIL image, to the bit.
Image resize(const Image& image, const Rect& rect, int width, int height, Filter filter = Filter::bilinear,
             bool mirror = false);
Image resize(const Image& image, int width, int height, Filter filter = Filter::bilinear);
// `rect` of the image; where it reaches beyond the image, zeros.
Image crop(const Image& image, const Rect& rect);

// The bytes of a file; throws Error naming it if it cannot be read.
std::vector<uint8_t> read_file(const std::filesystem::path& path);

}  // namespace fovea::data
