#include <fovea/data/image/source.h>

#include <algorithm>
#include <cmath>

#include <fovea/core/check.h>
#include <fovea/data/image/jpeg.h>
#include <fovea/kernels/image.h>

namespace fovea::data {

Source::Source(Image image) : Source(std::make_shared<const Image>(std::move(image))) {}

Source::Source(std::shared_ptr<const Image> image) : image_(std::move(image)) {
  check(image_ && !image_->empty(), "Source: want an image, got an empty one");
  width_ = image_->width();
  height_ = image_->height();
}

Source Source::encoded(std::vector<uint8_t> bytes, std::string name) {
  if (!is_jpeg(bytes)) return Source(decode_image(bytes, name));
  const JpegHeader header = jpeg_header(bytes, name);
  Source source;
  source.width_ = header.width;
  source.height_ = header.height;
  source.encoded_ = std::make_shared<const Encoded>(Encoded{std::move(bytes), std::move(name)});
  return source;
}

std::shared_ptr<const Image> Source::image() const {
  return image_ ? image_ : std::make_shared<const Image>(decode_jpeg(encoded_->bytes, encoded_->name));
}

void Source::decode() {
  image_ = image();
}

Source::Part Source::part(const Rect& rect, int width, int height) const {
  check(rect.width > 0 && rect.height > 0 && rect.x >= 0 && rect.y >= 0 && rect.x <= width_ - rect.width &&
            rect.y <= height_ - rect.height,
        "crop: want a rectangle within {} x {} pixels, got {} x {} at ({}, {})", width_, height_, rect.width,
        rect.height, rect.x, rect.y);
  if (image_) return {image_, rect, {0, 0, double(rect.width), double(rect.height)}};
  int scale = 4;
  while (scale > 1 && (rect.width < width * scale || rect.height < height * scale)) scale /= 2;
  JpegPart part = decode_jpeg_part(encoded_->bytes, encoded_->name, rect, scale);
  // At full size the rectangle has whole pixels, and nothing beyond them is to be seen.
  const int left = int(part.left), top = int(part.top);
  const int right = std::min(part.image.width(), int(std::ceil(part.right)));
  const int bottom = std::min(part.image.height(), int(std::ceil(part.bottom)));
  const kernels::Box box{part.left - left, part.top - top, part.right - left, part.bottom - top};
  return {std::make_shared<const Image>(std::move(part.image)), {left, top, right - left, bottom - top}, box};
}

Image Source::crop(const Rect& rect, int width, int height, Filter filter, bool mirror) const {
  const Part from = part(rect, width, height);
  Image out(width, height);
  const kernels::Pixels in{from.image->at(from.rect.x, from.rect.y), int64_t(from.image->width()) * 3, from.rect.width,
                           from.rect.height};
  kernels::resize_rgb(kernels::cpu(), in, from.box, out.data(), width, height, filter, mirror);
  return out;
}

}  // namespace fovea::data
