#include <fovea/data/image/transforms.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>

#include "support/catch.h"
#include "support/files.h"

using namespace fovea;
using namespace fovea::data;
using fovea::testing::fixture;

namespace {

Image reference(const std::string& name) {
  return load_image(fixture("images/" + name + ".png"));
}

// The largest difference from torchvision's picture, or 1000 for another size; *share gets the share of other values.
int difference(const Image& ours, const std::string& name, double* share = nullptr) {
  const Image theirs = reference(name);
  if (ours.width() != theirs.width() || ours.height() != theirs.height()) return 1000;
  int worst = 0;
  size_t other = 0;
  for (size_t i = 0; i < ours.bytes(); ++i) {
    const int d = std::abs(ours.data()[i] - theirs.data()[i]);
    worst = std::max(worst, d);
    other += d > 0;
  }
  if (share) *share = double(other) / double(ours.bytes());
  return worst;
}

template <class F>
Image changed(F f) {
  Image image = reference("source");
  f(image);
  return image;
}

}  // namespace

TEST_CASE("resizing is torchvision's on PIL images to the bit", "[data][transforms]") {
  const Image source = reference("source");
  Rng rng(1, 1);
  for (auto [name, filter] : {std::pair{std::string("bilinear"), Filter::bilinear}, {"bicubic", Filter::bicubic}}) {
    CHECK(difference(resize(source, 32, 32, filter), name + "_down") == 0);
    CHECK(difference(resize(source, 100, 90, filter), name + "_up") == 0);
    CHECK(difference(resize(source, {11, 7, 33, 40}, 28, 48, filter), name + "_crop") == 0);
    CHECK(difference(Resize{24, filter}(source, rng), name + "_short_side") == 0);
    Image mirrored = resize(source, {11, 7, 33, 40}, 28, 48, filter, true);
    hflip(mirrored);
    CHECK(difference(mirrored, name + "_crop") == 0);
  }
}

TEST_CASE("colour adjustments are torchvision's on PIL images to the bit", "[data][transforms]") {
  for (const char* text : {"0.0", "0.3", "1.7"}) {
    INFO(text);
    const float factor = std::stof(text);
    CHECK(difference(changed([&](Image& i) { adjust_brightness(i, factor); }), std::string("brightness_") + text) == 0);
    CHECK(difference(changed([&](Image& i) { adjust_contrast(i, factor); }), std::string("contrast_") + text) == 0);
    CHECK(difference(changed([&](Image& i) { adjust_saturation(i, factor); }), std::string("saturation_") + text) == 0);
  }
  for (const char* text : {"-0.5", "-0.1", "0.07", "0.37"}) {
    INFO(text);
    const float factor = std::stof(text);
    CHECK(difference(changed([&](Image& i) { adjust_hue(i, factor); }), std::string("hue_") + text) == 0);
  }
  CHECK(difference(changed([](Image& i) { to_grayscale(i); }), "grayscale") == 0);
  CHECK(difference(changed([](Image& i) { solarize(i, 128); }), "solarize_128") == 0);
  CHECK(difference(changed([](Image& i) { solarize(i, 40); }), "solarize_40") == 0);
}

TEST_CASE("pure red is 76 in gray", "[data][transforms]") {
  Image red(1, 1);
  red.data()[0] = 255, red.data()[1] = red.data()[2] = 0;
  to_grayscale(red);
  CHECK(int(red.data()[0]) == 76);
  CHECK(int(red.data()[2]) == 76);
}

TEST_CASE("the blur is torchvision's but for rounding", "[data][transforms]") {
  for (auto [name, size, sigma] :
       {std::tuple{"blur_3_0.4", 3, 0.4f}, {"blur_7_1.3", 7, 1.3f}, {"blur_23_2.0", 23, 2.0f}}) {
    INFO(name);
    double share = 1;
    CHECK(difference(changed([&, s = size, t = sigma](Image& i) { gaussian_blur(i, s, t); }), name, &share) <= 1);
    CHECK(share < 1e-3);
  }
  // Wide enough by itself: as a kernel of 23 pixels with sigma 2, to within what lies beyond three sigma.
  CHECK(difference(changed([](Image& i) { gaussian_blur(i, 0, 2.0f); }), "blur_23_2.0") <= 2);
  // Narrowed on an image smaller than the kernel.
  Image tiny(2, 1);
  std::memset(tiny.data(), 9, tiny.bytes());
  gaussian_blur(tiny, 0, 2.0f);
  CHECK(int(tiny.data()[3]) == 9);
}

TEST_CASE("flips, turns, crops and padding move pixels as torchvision does", "[data][transforms]") {
  const Image source = reference("source");
  Rng rng(1, 1);
  CHECK(difference(changed([](Image& i) { hflip(i); }), "hflip") == 0);
  CHECK(difference(changed([](Image& i) { vflip(i); }), "vflip") == 0);
  CHECK(difference(rotate90(source), "rotate_90") == 0);
  CHECK(rotate90(rotate90(source, 3)) == source);
  CHECK(rotate90(source, 2) == rotate90(rotate90(source)));
  CHECK(rotate90(source, 4) == source);
  CHECK(difference(CenterCrop{40}(source, rng), "center_crop_40") == 0);
  CHECK(difference(CenterCrop{70}(source, rng), "center_crop_70") == 0);
  CHECK(difference(Pad{3}(source, rng), "pad_3") == 0);
}

TEST_CASE("a padded random crop reaches every offset and shows zeros beyond the image", "[data][transforms]") {
  Image image(4, 4);
  for (int i = 0; i < 16; ++i) std::memset(image.data() + 3 * i, i + 1, 3);
  Rng rng(2, 3);
  std::vector<int> seen(9 * 9, 0);
  for (int round = 0; round < 4000; ++round) {
    const Image part = RandomCrop{4, 4}(image, rng);
    // Where the pixel numbered v came to lie tells the offset.
    int offset = -1;
    for (int y = 0; y < 4 && offset < 0; ++y)
      for (int x = 0; x < 4; ++x)
        if (const int v = *part.at(x, y)) {
          offset = ((v - 1) / 4 - y + 4) * 9 + (v - 1) % 4 - x + 4;
          break;
        }
    if (offset >= 0) ++seen[size_t(offset)];
  }
  CHECK(std::count(seen.begin(), seen.end(), 0) == 32);  // the outermost offsets show padding alone
  CHECK_THROWS_WITH((RandomCrop{9, 2}(image, rng)), Catch::Contains("at least 9 x 9"));
}

TEST_CASE("random crops have the areas, ratios and places of the definition", "[data][transforms]") {
  Rng rng(5, 6);
  const int width = 500, height = 400, rounds = 20000;
  double area_sum = 0, log_ratio_sum = 0, x_sum = 0, area_low = 1, area_high = 0;
  for (int i = 0; i < rounds; ++i) {
    const Rect r = random_crop_rect(width, height, {0.08f, 0.5f}, {3 / 4.0f, 4 / 3.0f}, rng);
    REQUIRE(
        (r.x >= 0 && r.y >= 0 && r.width > 0 && r.height > 0 && r.x + r.width <= width && r.y + r.height <= height));
    const double area = double(r.width) * r.height / (width * height), ratio = double(r.width) / r.height;
    REQUIRE((ratio > 0.74 && ratio < 1.35));
    area_sum += area;
    area_low = std::min(area_low, area);
    area_high = std::max(area_high, area);
    log_ratio_sum += std::log(ratio);
    x_sum += r.width < width ? double(r.x) / (width - r.width) : 0.5;
  }
  CHECK(area_sum / rounds == Approx(0.29).margin(0.003));  // uniform: the middle of the range
  CHECK(area_low < 0.085);
  CHECK(area_high > 0.49);
  CHECK(log_ratio_sum / rounds == Approx(0).margin(0.004));  // log-uniform and symmetric
  CHECK(x_sum / rounds == Approx(0.5).margin(0.01));
}

TEST_CASE("an image of extreme shape falls back to a centred crop", "[data][transforms]") {
  Rng rng(1, 1);
  const Rect wide = random_crop_rect(1000, 10, {0.9f, 1}, {3 / 4.0f, 4 / 3.0f}, rng);
  CHECK(wide.width == 13);
  CHECK(wide.height == 10);
  CHECK(wide.x == 493);
  const Rect tall = random_crop_rect(10, 1000, {0.9f, 1}, {3 / 4.0f, 4 / 3.0f}, rng);
  CHECK(tall.width == 10);
  CHECK(tall.height == 13);
  const Rect point = random_crop_rect(1, 1, {0.08f, 1}, {3 / 4.0f, 4 / 3.0f}, rng);
  CHECK(point.width == 1);
  CHECK(point.height == 1);
}

TEST_CASE("jitter draws its factors from the ranges and its order from all", "[data][transforms]") {
  Image gray(1, 1);
  Rng rng(7, 8);
  double low = 255, high = 0;
  for (int i = 0; i < 3000; ++i) {
    std::memset(gray.data(), 100, 3);
    const Image out = ColorJitter{.brightness = 0.4f}(gray, rng);
    low = std::min<double>(low, *out.data());
    high = std::max<double>(high, *out.data());
  }
  CHECK(low == Approx(60).margin(1));
  CHECK(high == Approx(140).margin(1));
  // Brightness beyond white, then contrast or the reverse: both results occur.
  Image two(2, 1);
  const uint8_t pixels[6] = {250, 250, 250, 50, 50, 50};
  std::vector<int> seen;
  for (int i = 0; i < 200; ++i) {
    std::memcpy(two.data(), pixels, 6);
    Rng draw(9, uint64_t(i));
    const Image out = ColorJitter{.brightness = 0.4f, .contrast = 0.4f, .saturation = 0.4f, .hue = 0.1f}(two, draw);
    seen.push_back(*out.data());
  }
  std::sort(seen.begin(), seen.end());
  CHECK(std::unique(seen.begin(), seen.end()) - seen.begin() > 50);
  // Nothing to do does nothing.
  std::memcpy(two.data(), pixels, 6);
  CHECK(ColorJitter{}(two, rng) == two);
}

TEST_CASE("probabilities are met", "[data][transforms]") {
  Image image(2, 1);
  const uint8_t pixels[6] = {1, 2, 3, 200, 100, 0};
  std::memcpy(image.data(), pixels, 6);
  Rng rng(3, 3);
  const int rounds = 10000;
  auto rate = [&](auto transform) {
    int hits = 0;
    for (int i = 0; i < rounds; ++i) hits += !(transform(image, rng) == image);
    return double(hits) / rounds;
  };
  CHECK(rate(HorizontalFlip{0.5f}) == Approx(0.5).margin(0.02));
  CHECK(rate(RandomGrayscale{0.2f}) == Approx(0.2).margin(0.02));
  CHECK(rate(Solarize{128, 0.1f}) == Approx(0.1).margin(0.02));
  CHECK(rate(Rotate90{0.3f}) == Approx(0.3).margin(0.02));
  CHECK(rate(RandomApply<GaussianBlur>{{0, {1, 2}}, 0.7f}) == Approx(0).margin(1e-9));  // one row: nothing to blur with
  CHECK(rate(VerticalFlip{1}) == 0);
  CHECK(rate(RandomApply<Solarize>{{128, 1}, 0.7f}) == Approx(0.7).margin(0.02));
}

TEST_CASE("normalising subtracts the mean, divides by the deviation, and can be undone", "[data][transforms]") {
  const Image source = reference("source");
  const Normalize normalize;
  std::vector<float> out(source.bytes());
  normalize(source, out.data());
  double worst = 0;
  for (size_t i = 0; i < out.size(); ++i) {
    const double expected = (source.data()[i] / 255.0 - double(normalize.mean[i % 3])) / double(normalize.std[i % 3]);
    worst = std::max(worst, std::abs(expected - double(out[i])));
  }
  CHECK(worst < 1e-6);
  CHECK(normalize.invert(out.data(), source.width(), source.height()) == source);
}

TEST_CASE("transforms refuse what they cannot do", "[data][transforms]") {
  Image image = reference("source");
  Rng rng(1, 1);
  CHECK_THROWS_WITH(adjust_hue(image, 0.6f), Catch::Contains("[-0.5, 0.5], got 0.6"));
  CHECK_THROWS_WITH(adjust_brightness(image, -1), Catch::Contains("at least 0, got -1"));
  CHECK_THROWS_WITH(adjust_contrast(image, -1), Catch::Contains("adjust_contrast"));
  CHECK_THROWS_WITH(adjust_saturation(image, -1), Catch::Contains("adjust_saturation"));
  CHECK_THROWS_WITH(gaussian_blur(image, 4, 1), Catch::Contains("odd kernel size"));
  CHECK_THROWS_WITH(gaussian_blur(image, 3, 0), Catch::Contains("positive sigma"));
  CHECK_THROWS_WITH(Resize{0}(image, rng), Catch::Contains("positive size"));
  CHECK_THROWS_WITH((RandomResizedCrop{.size = 8, .scale = {0, 1}}(image, rng)), Catch::Contains("positive ranges"));
}
