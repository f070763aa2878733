#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "peer.h"

#include <fovea/core/random.h>
#include <fovea/data/image/views.h>

#define STBI_WRITE_NO_STDIO
#define STB_IMAGE_WRITE_STATIC
#define STB_IMAGE_WRITE_IMPLEMENTATION
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#include <stb_image_write.h>
#pragma GCC diagnostic pop

namespace fovea::bench {

namespace {

using data::Image;
using data::Source;

constexpr int kImages = 64, kJpegWidth = 500, kJpegHeight = 375;

// Adds octaves of interpolated noise, coarse ones stronger: a spectrum that falls as a photograph's.
void add_noise(std::vector<float>& plane, int width, int height, float gain, Rng& rng) {
  for (int cell = 256; cell >= 1; cell /= 2) {
    const int across = width / cell + 2, down = height / cell + 2;
    std::vector<float> grid(size_t(across) * size_t(down));
    for (float& v : grid) v = gain * rng.normal() * std::pow(float(cell) / 256, 0.6f);
    for (int y = 0; y < height; ++y)
      for (int x = 0; x < width; ++x) {
        const float u = float(x % cell) / float(cell), v = float(y % cell) / float(cell);
        const float* g = &grid[size_t(y / cell) * size_t(across) + size_t(x / cell)];
        const float top = g[0] + u * (g[1] - g[0]), bottom = g[across] + u * (g[across + 1] - g[across]);
        plane[size_t(y) * size_t(width) + size_t(x)] += top + v * (bottom - top);
      }
  }
}

// A picture with a photograph's statistics: noise shared by the channels, a little of each's own, and a dozen discs.
Image photo(int width, int height, uint64_t seed) {
  Rng rng(seed, 0);
  const size_t pixels = size_t(width) * size_t(height);
  std::vector<float> shared(pixels);
  add_noise(shared, width, height, 0.8f, rng);
  struct Disc {
    float x, y, r, color[3];
  };
  std::vector<Disc> discs(12);
  for (Disc& d : discs) {
    d = {rng.uniform(0, float(width)),
         rng.uniform(0, float(height)),
         rng.uniform(8, std::max(9.0f, float(height) / 4)),
         {}};
    for (float& c : d.color) c = 0.8f * rng.normal();
  }
  Image image(width, height);
  for (int channel = 0; channel < Image::kChannels; ++channel) {
    std::vector<float> plane = shared;
    add_noise(plane, width, height, 0.3f, rng);
    for (int y = 0; y < height; ++y)
      for (int x = 0; x < width; ++x) {
        float v = plane[size_t(y) * size_t(width) + size_t(x)];
        for (const Disc& d : discs)
          if (std::hypot(float(x) - d.x, float(y) - d.y) < d.r) v += d.color[channel];
        image.at(x, y)[channel] = uint8_t(std::clamp(v * 45 + 120, 0.0f, 255.0f));
      }
  }
  return image;
}

std::vector<uint8_t> encode_jpeg(const Image& image) {
  std::vector<uint8_t> bytes;
  auto append = [](void* to, void* from, int size) {
    auto* first = static_cast<const uint8_t*>(from);
    auto& out = *static_cast<std::vector<uint8_t>*>(to);
    out.insert(out.end(), first, first + size);
  };
  stbi_write_jpg_to_func(append, &bytes, image.width(), image.height(), Image::kChannels, image.data(), 90);
  return bytes;
}

// The files that bench/peers/cases.py made in $PEER_TMP, or pictures of the same kind.
std::vector<std::vector<uint8_t>> jpegs() {
  const char* folder = std::getenv("PEER_TMP");
  const auto root = (folder ? std::filesystem::path(folder) : std::filesystem::temp_directory_path()) /
                    ("jpeg" + std::to_string(kJpegWidth) + "x" + std::to_string(kJpegHeight));
  std::vector<std::vector<uint8_t>> files;
  for (int i = 0; i < kImages; ++i) {
    std::string number = std::to_string(i);
    const auto path = root / ("img" + std::string(3 - number.size(), '0') + number + ".jpg");
    files.push_back(std::filesystem::exists(path) ? data::read_file(path)
                                                  : encode_jpeg(photo(kJpegWidth, kJpegHeight, uint64_t(i))));
  }
  return files;
}

// torchvision's SimCLR view: the blur's kernel grows with the image.
data::View simclr_view(int size) {
  data::Recipe recipe{.size = size};
  recipe.blur_kernel.kernel_size = std::max(3, size / 10 / 2 * 2 + 1);
  return recipe;
}

// Views of all images a call, each ending as normalised floats.
PeerResult view_rate(const std::function<Source(int)>& source, int size, const PeerOptions& options) {
  const data::View view = simclr_view(size);
  const data::Normalize normalize;
  std::vector<float> out(size_t(size) * size_t(size) * Image::kChannels);
  uint64_t stream = 0;
  auto call = [&] {
    for (int i = 0; i < kImages; ++i) {
      Rng rng(1, stream++);
      normalize(view(source(i), rng), out.data());
    }
  };
  return rate(call, kImages, "views/s", options);
}

PeerResult views(int size, const PeerOptions& options) {
  const int side = size == 32 ? 32 : 160;
  std::vector<Source> sources;
  for (int i = 0; i < kImages; ++i) sources.emplace_back(photo(side, side, uint64_t(i)));
  return view_rate([&](int i) { return sources[size_t(i)]; }, size, options);
}

PeerResult jpeg_views(int size, const PeerOptions& options) {
  const auto files = jpegs();
  return view_rate([&](int i) { return Source::encoded(files[size_t(i)], "jpeg"); }, size, options);
}

PeerResult jpeg_decode(bool half, const PeerOptions& options) {
  const auto files = jpegs();
  auto call = [&] {
    for (const auto& file : files) {
      if (half) {
        const Source source = Source::encoded(file, "jpeg");
        source.crop(source.rect(), (source.width() + 1) / 2, (source.height() + 1) / 2);
      } else {
        data::decode_image(file, "jpeg");
      }
    }
  };
  return rate(call, double(files.size()), "views/s", options);
}

}  // namespace

std::vector<PeerCase> data_cases() {
  return {
      {"aug_pil_32", [](const PeerOptions& o) { return views(32, o); }, true},
      {"aug_tensor_32", [](const PeerOptions& o) { return views(32, o); }, true},
      {"aug_pil_128", [](const PeerOptions& o) { return views(128, o); }, true},
      {"aug_tensor_128", [](const PeerOptions& o) { return views(128, o); }, true},
      {"jpeg500x375_pil_decode", [](const PeerOptions& o) { return jpeg_decode(false, o); }, true},
      {"jpeg500x375_pil_draft_decode", [](const PeerOptions& o) { return jpeg_decode(true, o); }, true},
      {"jpeg500x375_tensor_decode", [](const PeerOptions& o) { return jpeg_decode(false, o); }, true},
      {"jpeg500x375_pil_aug128", [](const PeerOptions& o) { return jpeg_views(128, o); }, true},
      {"jpeg500x375_tensor_aug128", [](const PeerOptions& o) { return jpeg_views(128, o); }, true},
  };
}

}  // namespace fovea::bench
