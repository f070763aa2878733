#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <fovea/data/image/image.h>

// Private: what the library takes from stb_image and stb_image_write (public domain, Sean Barrett).
namespace fovea::data {

// Decodes a JPEG, PNG or BMP whose header says width x height. Throws Error naming the file.
Image stb_decode(std::span<const uint8_t> bytes, const std::string& name, int width, int height);

std::vector<uint8_t> stb_encode_png(const Image& image);

}  // namespace fovea::data
