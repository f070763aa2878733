#pragma once

#include <memory>
#include <string>
#include <vector>

#include <fovea/data/image/image.h>
#include <fovea/kernels/image.h>

namespace fovea::data {

// Where views take their pixels from: an image in memory, or a JPEG file that is decoded when it is needed and then
// only as far as it is needed. Copies share the pixels.
class Source {
 public:
  Source(Image image);                         // NOLINT: an image is a source
  Source(std::shared_ptr<const Image> image);  // NOLINT: a cached one too
  // An encoded file. What is no JPEG is decoded at once; of a JPEG only the header is read. Errors call it `name`.
  static Source encoded(std::vector<uint8_t> bytes, std::string name);

  int width() const { return width_; }
  int height() const { return height_; }
  Rect rect() const { return {0, 0, width_, height_}; }

  // The whole picture.
  std::shared_ptr<const Image> image() const;
  // Decodes the whole picture if it is still encoded: cheaper than decoding parts when more than one is wanted.
  void decode();
  // `rect` resized to width x height and mirrored if asked for. From an encoded JPEG it decodes that region alone, at
  // the smallest of 1/4, 1/2 and 1 of its size that is no smaller than the result (the result then differs a little
  // from a full decode, as PIL's draft() does).
  Image crop(const Rect& rect, int width, int height, Filter filter = Filter::bilinear, bool mirror = false) const;

  // What such a crop resizes: `box` of `rect` of `image`, counted in pixels from rect's corner.
  struct Part {
    std::shared_ptr<const Image> image;
    Rect rect;
    kernels::Box box;
  };
  Part part(const Rect& rect, int width, int height) const;

 private:
  struct Encoded {
    std::vector<uint8_t> bytes;
    std::string name;
  };
  Source() = default;
  std::shared_ptr<const Image> image_;
  std::shared_ptr<const Encoded> encoded_;
  int width_ = 0, height_ = 0;
};

}  // namespace fovea::data
