#include <fovea/data/image/image.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <system_error>

#include <zlib.h>

#include <fovea/core/check.h>
#include <fovea/data/image/jpeg.h>
#include <fovea/data/image/stb.h>
#include <fovea/kernels/image.h>

namespace fovea::data {

Image::Image(int width, int height) : width_(width), height_(height) {
  check(width > 0 && height > 0, "Image: want a positive width and height, got {} x {}", width, height);
  check(int64_t(width) * height <= kMaxPixels, "Image: want at most {} pixels, got {} x {}", kMaxPixels, width, height);
  pixels_ = std::make_unique_for_overwrite<uint8_t[]>(bytes());
}

Image::Image(const Image& other) : width_(other.width_), height_(other.height_) {
  if (other.empty()) return;
  pixels_ = std::make_unique_for_overwrite<uint8_t[]>(bytes());
  std::memcpy(pixels_.get(), other.data(), bytes());
}

Image& Image::operator=(const Image& other) {
  if (this != &other) *this = Image(other);
  return *this;
}

bool Image::operator==(const Image& other) const {
  return width_ == other.width_ && height_ == other.height_ && (empty() || !std::memcmp(data(), other.data(), bytes()));
}

std::vector<uint8_t> read_file(const std::filesystem::path& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  check(std::filesystem::exists(status), "{}: no such file", path.string());
  check(!std::filesystem::is_directory(status), "{}: want a file, got a folder", path.string());
  std::ifstream file(path, std::ios::binary);
  check(bool(file), "{}: cannot open file: {}", path.string(), std::strerror(errno));
  const auto size = std::filesystem::file_size(path, error);
  check(!error, "{}: cannot read file: {}", path.string(), error.message());
  std::vector<uint8_t> bytes(size);
  file.read(reinterpret_cast<char*>(bytes.data()), std::streamsize(size));
  check(size_t(file.gcount()) == size, "{}: cannot read file: got {} of {} bytes", path.string(), file.gcount(), size);
  return bytes;
}

static uint32_t big_endian(const uint8_t* p) {
  return uint32_t(p[0]) << 24 | uint32_t(p[1]) << 16 | uint32_t(p[2]) << 8 | p[3];
}

static uint32_t little_endian(const uint8_t* p) {
  return uint32_t(p[3]) << 24 | uint32_t(p[2]) << 16 | uint32_t(p[1]) << 8 | p[0];
}

static void check_size(int64_t width, int64_t height, const std::string& name) {
  check(width > 0 && height > 0 && width <= INT32_MAX && height <= INT32_MAX && width * height <= Image::kMaxPixels,
        "{}: want an image of 1 to {} pixels, got {} x {}", name, Image::kMaxPixels, width, height);
}

// Checks the chunks' lengths and checksums, which stb_image ignores.
static Image decode_png(std::span<const uint8_t> bytes, const std::string& name) {
  size_t at = 8;
  bool ended = false;
  while (!ended) {
    check(bytes.size() - at >= 12, "{}: truncated PNG", name);
    const uint8_t* p = &bytes[at];
    const size_t length = big_endian(p);
    check(length <= bytes.size() - at - 12, "{}: truncated PNG", name);
    check(crc32(0, p + 4, uInt(length + 4)) == big_endian(p + 8 + length), "{}: corrupt PNG, wrong checksum at byte {}",
          name, at);
    if (at == 8) check(length == 13 && !std::memcmp(p + 4, "IHDR", 4), "{}: corrupt PNG header", name);
    ended = !std::memcmp(p + 4, "IEND", 4);
    at += length + 12;
  }
  const int64_t width = big_endian(&bytes[16]), height = big_endian(&bytes[20]);
  check_size(width, height, name);
  return stb_decode(bytes, name, int(width), int(height));
}

static Image decode_bmp(std::span<const uint8_t> bytes, const std::string& name) {
  check(bytes.size() >= 54 && little_endian(&bytes[14]) >= 40, "{}: truncated or ancient BMP header", name);
  const uint8_t* p = bytes.data();
  const int64_t width = int32_t(little_endian(p + 18)), height = std::abs(int64_t(int32_t(little_endian(p + 22))));
  const int64_t depth = p[28] | p[29] << 8, compression = little_endian(p + 30);
  check_size(width, height, name);
  check(compression == 0 || compression == 3, "{}: want an uncompressed BMP", name);
  const int64_t need = int64_t(little_endian(p + 10)) + (width * depth + 31) / 32 * 4 * height;
  check(int64_t(bytes.size()) >= need, "{}: truncated BMP: want {} bytes, got {}", name, need, bytes.size());
  return stb_decode(bytes, name, int(width), int(height));
}

Image decode_image(std::span<const uint8_t> bytes, const std::string& name) {
  static constexpr uint8_t kPng[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
  if (is_jpeg(bytes)) return decode_jpeg(bytes, name);
  if (bytes.size() >= 8 && std::equal(kPng, kPng + 8, bytes.begin())) return decode_png(bytes, name);
  if (bytes.size() >= 2 && bytes[0] == 'B' && bytes[1] == 'M') return decode_bmp(bytes, name);
  throw Error(fmt::format("{}: want a JPEG, PNG or BMP image, got {}", name,
                          bytes.empty() ? "an empty file" : "a file of another kind"));
}

Image load_image(const std::filesystem::path& path) {
  return decode_image(read_file(path), path.string());
}

std::vector<uint8_t> encode_png(const Image& image) {
  check(!image.empty(), "encode_png: want an image, got an empty one");
  return stb_encode_png(image);
}

void save_png(const Image& image, const std::filesystem::path& path) {
  const std::vector<uint8_t> bytes = encode_png(image);
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(reinterpret_cast<const char*>(bytes.data()), std::streamsize(bytes.size()));
  file.close();
  check(bool(file), "{}: cannot write file: {}", path.string(), std::strerror(errno));
}

static void check_within(const char* op, const Image& image, const Rect& r) {
  check(r.width > 0 && r.height > 0 && r.x >= 0 && r.y >= 0 && r.x <= image.width() - r.width &&
            r.y <= image.height() - r.height,
        "{}: want a rectangle within {} x {} pixels, got {} x {} at ({}, {})", op, image.width(), image.height(),
        r.width, r.height, r.x, r.y);
}

Image resize(const Image& image, const Rect& rect, int width, int height, Filter filter, bool mirror) {
  check_within("resize", image, rect);
  Image out(width, height);
  const kernels::Pixels in{image.at(rect.x, rect.y), int64_t(image.width()) * 3, rect.width, rect.height};
  kernels::resize_rgb(kernels::cpu(), in, {0, 0, double(rect.width), double(rect.height)}, out.data(), width, height,
                      filter, mirror);
  return out;
}

Image resize(const Image& image, int width, int height, Filter filter) {
  return resize(image, image.rect(), width, height, filter);
}

Image crop(const Image& image, const Rect& rect) {
  Image out(rect.width, rect.height);
  const int left = std::max(0, rect.x), right = std::min(image.width(), rect.x + rect.width);
  if (left > rect.x || right < rect.x + rect.width) std::memset(out.data(), 0, out.bytes());
  for (int y = 0; y < rect.height; ++y) {
    const int from = rect.y + y;
    if (from < 0 || from >= image.height())
      std::memset(out.row(y), 0, size_t(rect.width) * 3);
    else if (left < right)
      std::memcpy(out.at(left - rect.x, y), image.at(left, from), size_t(right - left) * 3);
  }
  return out;
}

}  // namespace fovea::data
