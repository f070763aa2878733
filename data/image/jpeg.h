#pragma once

#include <cstdint>
#include <span>
#include <string>

#include <fovea/data/image/image.h>

// Private: JPEG files. EXIF orientation is ignored, as by PIL and torchvision.
namespace fovea::data {

struct JpegHeader {
  int width = 0, height = 0, components = 0;
};

bool is_jpeg(std::span<const uint8_t> bytes);

// Reads the markers up to the frame header. Throws Error naming the file if there is none, or if the picture is empty,
// larger than Image::kMaxPixels, or neither gray nor of three channels.
JpegHeader jpeg_header(std::span<const uint8_t> bytes, const std::string& name);

Image decode_jpeg(std::span<const uint8_t> bytes, const std::string& name);

// A part of a picture at 1/scale of its size: where the wanted rectangle lies in `image`, in fractional pixels.
struct JpegPart {
  Image image;
  double left = 0, top = 0, right = 0, bottom = 0;
};
// Decodes `rect` and little more. scale is 1, 2 or 4.
JpegPart decode_jpeg_part(std::span<const uint8_t> bytes, const std::string& name, const Rect& rect, int scale);

}  // namespace fovea::data
