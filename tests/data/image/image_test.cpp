#include <fovea/data/image/image.h>

#include <cstring>

#include <fovea/core/random.h>
#include <fovea/data/image/source.h>

#include "support/catch.h"
#include "support/files.h"

using namespace fovea;
using namespace fovea::data;
using fovea::testing::fixture;
using fovea::testing::TemporaryFolder;
using fovea::testing::write_file;

namespace {

std::string bytes_of(const std::string& name) {
  return fovea::testing::read_file(fixture("images/" + name));
}

std::string refusal(const std::string& bytes) {
  try {
    decode_image({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}, "some.file");
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

int largest_difference(const Image& a, const Image& b) {
  if (a.width() != b.width() || a.height() != b.height()) return 1000;
  int worst = 0;
  for (size_t i = 0; i < a.bytes(); ++i) worst = std::max(worst, std::abs(a.data()[i] - b.data()[i]));
  return worst;
}

double mean_difference(const Image& a, const Image& b) {
  double sum = 0;
  for (size_t i = 0; i < a.bytes(); ++i) sum += std::abs(a.data()[i] - b.data()[i]);
  return sum / double(a.bytes());
}

// A PNG chunk's checksum is right again after its bytes were changed.
uint32_t crc(const std::string& bytes, size_t begin, size_t end) {
  uint32_t c = ~0u;
  for (size_t i = begin; i < end; ++i) {
    c ^= uint8_t(bytes[i]);
    for (int k = 0; k < 8; ++k) c = c >> 1 ^ (c & 1 ? 0xEDB88320u : 0);
  }
  return ~c;
}

std::string big_endian(uint32_t v) {
  return {char(v >> 24), char(v >> 16), char(v >> 8), char(v)};
}

}  // namespace

TEST_CASE("images of every kind are read as PIL converts them to RGB", "[data][image]") {
  for (const char* name :
       {"rgba.png", "gray.png", "gray_alpha.png", "palette.png", "one_bit.png", "rgb.bmp", "palette.bmp"}) {
    INFO(name);
    std::string read = name;
    read.replace(read.find('.'), 1, "_");
    CHECK(load_image(fixture(std::string("images/") + name)) == load_image(fixture("images/" + read + "_read.png")));
  }
  for (const char* name : {"rgb.jpg", "full_chroma.jpg", "progressive.jpg", "gray.jpg"}) {
    INFO(name);
    std::string read = name;
    read.replace(read.find('.'), 1, "_");
    const Image ours = load_image(fixture(std::string("images/") + name)),
                pil = load_image(fixture("images/" + read + "_read.png"));
    CHECK(largest_difference(ours, pil) <= 4);
  }
}

TEST_CASE("a saved PNG reads back as it was", "[data][image]") {
  TemporaryFolder folder;
  const Image image = load_image(fixture("images/source.png"));
  save_png(image, folder / "a.png");
  CHECK(load_image(folder / "a.png") == image);
  CHECK_THROWS_WITH(save_png(image, folder / "missing" / "a.png"), Catch::Contains("a.png: cannot write"));
  CHECK_THROWS_WITH(save_png(Image(), folder / "b.png"), Catch::Contains("empty"));
}

TEST_CASE("files that are no image are refused by name", "[data][image]") {
  TemporaryFolder folder;
  CHECK_THROWS_WITH(load_image(folder / "none.png"), Catch::Contains("none.png: no such file"));
  CHECK_THROWS_WITH(load_image(folder.path()), Catch::Contains("want a file, got a folder"));
  write_file(folder / "empty.png", "");
  CHECK_THROWS_WITH(load_image(folder / "empty.png"), Catch::Contains("empty.png") && Catch::Contains("empty file"));
  CHECK_THAT(refusal("GIF89a and so on"), Catch::Contains("some.file: want a JPEG, PNG or BMP"));
  CHECK_THAT(refusal(bytes_of("cmyk.jpg")), Catch::Contains("CMYK"));
  CHECK_THAT(refusal(std::string("\x89PNG\r\n\x1A\n", 8)), Catch::Contains("truncated PNG"));
  CHECK_THAT(refusal("\xFF\xD8\xFF"), Catch::Contains("truncated JPEG"));
  CHECK_THAT(refusal("BM"), Catch::Contains("BMP"));
}

TEST_CASE("absurd sizes are refused before anything is decoded", "[data][image]") {
  std::string png = bytes_of("source.png");
  png.replace(16, 8, big_endian(60000) + big_endian(60000));
  png.replace(29, 4, big_endian(crc(png, 12, 29)));
  CHECK_THAT(refusal(png), Catch::Contains("60000 x 60000"));
  png.replace(16, 8, big_endian(0) + big_endian(5));
  png.replace(29, 4, big_endian(crc(png, 12, 29)));
  CHECK_THAT(refusal(png), Catch::Contains("0 x 5"));

  std::string jpeg = bytes_of("rgb.jpg");
  const size_t frame = jpeg.find("\xFF\xC0");
  REQUIRE(frame != std::string::npos);
  std::string large = jpeg;
  large.replace(frame + 5, 4, "\xFF\xFF\xFF\xFF");
  CHECK_THAT(refusal(large), Catch::Contains("65535 x 65535"));
  large.replace(frame + 5, 2, std::string(2, '\0'));
  CHECK_THAT(refusal(large), Catch::Contains("65535 x 0"));

  std::string bmp = bytes_of("rgb.bmp");
  bmp.replace(18, 4, std::string("\x00\x00\x00\x40", 4));
  CHECK_THAT(refusal(bmp), Catch::Contains("some.file: want an image of 1 to"));
}

TEST_CASE("truncated files are refused wherever they end", "[data][image]") {
  for (const char* name : {"palette.png", "rgb.bmp", "rgb.jpg", "gray.jpg", "progressive.jpg"}) {
    const std::string whole = bytes_of(name);
    for (size_t size = 0; size + 2 < whole.size(); size += 1 + whole.size() / 97) {
      INFO(name << " cut to " << size << " of " << whole.size() << " bytes");
      CHECK_THAT(refusal(whole.substr(0, size)), Catch::Contains("some.file"));
    }
  }
}

TEST_CASE("corrupt files throw or decode, and never crash", "[data][image]") {
  Rng rng(1, 2);
  for (const char* name :
       {"rgba.png", "palette.png", "palette.bmp", "rgb.bmp", "rgb.jpg", "progressive.jpg", "gray.jpg"}) {
    const std::string whole = bytes_of(name);
    const Image good = load_image(fixture(std::string("images/") + name));
    int refused = 0;
    for (int round = 0; round < 300; ++round) {
      std::string bytes = whole;
      const int64_t flips = rng.integer(1, 4);
      for (int64_t i = 0; i < flips; ++i)
        bytes[size_t(rng.integer(0, int64_t(bytes.size())))] ^= char(1 << rng.integer(0, 8));
      const std::string message = refusal(bytes);
      refused += !message.empty();
      if (!message.empty()) CHECK_THAT(message, Catch::Contains("some.file"));
    }
    INFO(name);
    if (std::string(name).ends_with(".png")) CHECK(refused >= 295);  // checksums find nearly all
  }
}

TEST_CASE("a PNG that is corrupt beneath its checksums throws or decodes, and never crashes", "[data][image]") {
  Rng rng(3, 4);
  const std::string whole = bytes_of("palette.png");
  for (int round = 0; round < 300; ++round) {
    std::string bytes = whole;
    for (int i = 0; i < 2; ++i) bytes[size_t(rng.integer(8, int64_t(bytes.size())))] ^= char(1 << rng.integer(0, 8));
    for (size_t at = 8; at + 12 <= bytes.size();) {
      size_t length = 0;
      for (int i = 0; i < 4; ++i) length = length << 8 | uint8_t(bytes[at + size_t(i)]);
      if (length > bytes.size() - at - 12) break;
      bytes.replace(at + 8 + length, 4, big_endian(crc(bytes, at + 4, at + 8 + length)));
      at += 12 + length;
    }
    const std::string message = refusal(bytes);
    if (!message.empty()) CHECK_THAT(message, Catch::Contains("some.file"));
  }
}

TEST_CASE("part of a JPEG decodes to what a full decode and a crop give", "[data][image]") {
  const Image whole = load_image(fixture("images/photo.jpg"));
  const std::string bytes = bytes_of("photo.jpg");
  const Source source = Source::encoded({bytes.begin(), bytes.end()}, "photo.jpg");
  CHECK(source.width() == 320);
  CHECK(source.height() == 240);
  CHECK(*source.image() == whole);
  for (Rect rect : {Rect{0, 0, 320, 240}, Rect{33, 17, 70, 60}, Rect{250, 180, 70, 60}, Rect{100, 0, 1, 240},
                    Rect{319, 239, 1, 1}}) {
    INFO(rect.x << " " << rect.y << " " << rect.width << " " << rect.height);
    // No smaller than the rectangle: at full scale, so nothing is lost.
    const Image part = source.crop(rect, rect.width, rect.height), expected = crop(whole, rect);
    CHECK(largest_difference(part, expected) <= 2);
    const Image mirrored = source.crop(rect, rect.width, rect.height, Filter::bilinear, true);
    CHECK(std::memcmp(mirrored.at(0, 0), part.at(rect.width - 1, 0), 3) == 0);
  }
  // Half and a quarter of the size: close to the antialiased resize of the full decode.
  CHECK(mean_difference(source.crop({20, 30, 130, 140}, 64, 64), resize(whole, {20, 30, 130, 140}, 64, 64)) < 1.5);
  CHECK(mean_difference(source.crop({3, 5, 301, 233}, 56, 56), resize(whole, {3, 5, 301, 233}, 56, 56)) < 1.5);
  CHECK_THROWS_WITH(source.crop({300, 0, 21, 5}, 8, 8), Catch::Contains("within 320 x 240"));
  CHECK_THROWS_WITH(resize(whole, {0, 0, 0, 5}, 8, 8), Catch::Contains("want a rectangle within"));
}

TEST_CASE("parts of corrupt JPEGs throw or decode, and never crash", "[data][image]") {
  Rng rng(5, 6);
  const std::string whole = bytes_of("photo.jpg");
  for (int round = 0; round < 200; ++round) {
    std::string bytes = whole.substr(0, round % 2 ? whole.size() : size_t(rng.integer(0, int64_t(whole.size()))));
    for (int i = 0; i < 3 && !bytes.empty(); ++i)
      bytes[size_t(rng.integer(0, int64_t(bytes.size())))] ^= char(1 << rng.integer(0, 8));
    try {
      const Source source = Source::encoded({bytes.begin(), bytes.end()}, "some.jpg");
      source.crop({source.width() / 4, source.height() / 4, source.width() / 2 + 1, source.height() / 2 + 1}, 40, 40);
    } catch (const Error& error) {
      CHECK_THAT(error.what(), Catch::Contains("some.jpg"));
    }
  }
}

TEST_CASE("images are values of at least one pixel", "[data][image]") {
  CHECK_THROWS_WITH(Image(0, 4), Catch::Contains("positive width and height"));
  CHECK_THROWS_WITH(Image(1 << 16, 1 << 16), Catch::Contains("at most"));
  Image a(2, 1);
  std::memset(a.data(), 5, a.bytes());
  Image b = a;
  b.at(1, 0)[2] = 6;
  CHECK(a.at(1, 0)[2] == 5);
  CHECK(!(a == b));
  a = b;
  CHECK(a == b);
  CHECK_THROWS_WITH(Source(Image()), Catch::Contains("empty"));
}
