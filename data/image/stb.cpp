#include <fovea/data/image/stb.h>

#include <climits>
#include <cstdlib>
#include <cstring>

#include <fovea/core/check.h>

namespace {

// A small PNG can claim to hold any number of bytes; 64 Mpixel of four 16-bit channels and the filters fit.
constexpr size_t kMaxAllocation = size_t(1) << 30;
// Zeroed, because a JPEG can name Huffman tables that it does not define.
void* limited_malloc(size_t bytes) {
  return bytes <= kMaxAllocation ? std::calloc(1, bytes) : nullptr;
}
void* limited_realloc(void* p, size_t bytes) {
  return bytes <= kMaxAllocation ? std::realloc(p, bytes) : nullptr;
}

}  // namespace

#define STBI_MALLOC(bytes) limited_malloc(bytes)
#define STBI_REALLOC(p, bytes) limited_realloc(p, bytes)
#define STBI_FREE(p) std::free(p)
#define STBI_MAX_DIMENSIONS 65536
#define STBI_ONLY_JPEG
#define STBI_ONLY_PNG
#define STBI_ONLY_BMP
#define STBI_NO_STDIO
#define STB_IMAGE_STATIC
#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_WRITE_STATIC
#define STBI_WRITE_NO_STDIO
#define STB_IMAGE_WRITE_IMPLEMENTATION
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#pragma GCC diagnostic ignored "-Wshadow"
#include <stb_image.h>
#include <stb_image_write.h>
#pragma GCC diagnostic pop

namespace fovea::data {

Image stb_decode(std::span<const uint8_t> bytes, const std::string& name, int width, int height) {
  check(bytes.size() <= size_t(INT_MAX), "{}: want a file of less than 2 GiB", name);
  int w = 0, h = 0, channels = 0;
  std::unique_ptr<uint8_t, void (*)(void*)> pixels(
      stbi_load_from_memory(bytes.data(), int(bytes.size()), &w, &h, &channels, Image::kChannels), std::free);
  check(pixels != nullptr, "{}: cannot decode image: {}", name, stbi_failure_reason());
  check(w == width && h == height, "{}: cannot decode image: want {} x {} pixels, got {} x {}", name, width, height, w,
        h);
  Image image(w, h);
  std::memcpy(image.data(), pixels.get(), image.bytes());
  return image;
}

std::vector<uint8_t> stb_encode_png(const Image& image) {
  std::vector<uint8_t> out;
  auto append = [](void* to, void* data, int size) {
    auto* bytes = static_cast<const uint8_t*>(data);
    static_cast<std::vector<uint8_t>*>(to)->insert(static_cast<std::vector<uint8_t>*>(to)->end(), bytes, bytes + size);
  };
  check(stbi_write_png_to_func(append, &out, image.width(), image.height(), Image::kChannels, image.data(),
                               image.width() * Image::kChannels) != 0,
        "encode_png: out of memory for {} x {} pixels", image.width(), image.height());
  return out;
}

}  // namespace fovea::data
