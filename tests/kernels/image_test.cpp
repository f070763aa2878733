#include <fovea/kernels/image.h>

#include <algorithm>
#include <vector>

#include <fovea/kernels/image/image_isa.h>
#include <fovea/kernels/random.h>

#include "support/catch.h"

using namespace fovea::kernels;

namespace {

std::vector<uint8_t> noise(int64_t n, uint64_t seed) {
  std::vector<uint8_t> bytes(static_cast<size_t>(n));
  for (int64_t i = 0; i < n; ++i) bytes[size_t(i)] = uint8_t(philox(seed, uint64_t(i)).word[0]);
  return bytes;
}

// Runs f<Isa>() for every instruction set that this CPU has and gives all results.
template <class F>
auto on_every_isa(F f) {
  std::vector<decltype(f.template operator()<Isa::plain>())> results{f.template operator()<Isa::plain>()};
#if defined(__x86_64__)
  if (isa() >= Isa::avx2) results.push_back(f.template operator()<Isa::avx2>());
  if (isa() >= Isa::avx512) results.push_back(f.template operator()<Isa::avx512>());
#endif
  return results;
}

template <class F>
void require_equal_on_every_isa(F f) {
  const auto results = on_every_isa(f);
  for (const auto& result : results) REQUIRE(result == results[0]);
}

}  // namespace

TEST_CASE("pixel loops give the same bytes on every instruction set", "[kernels][image]") {
  for (int64_t pixels : {1, 5, 63, 64, 65, 1000}) {
    const std::vector<uint8_t> x = noise(pixels * 3, uint64_t(pixels));
    auto in_place = [&]<class Loop>(Loop loop) {
      require_equal_on_every_isa([&]<Isa I>() {
        std::vector<uint8_t> copy = x;
        loop.template operator()<I>(copy.data());
        return copy;
      });
    };
    for (float a : {0.0f, 0.37f, 1.0f, 1.73f}) {
      in_place([&]<Isa I>(uint8_t* p) { blend_constant_loop<I>(p, pixels * 3, 101, a); });
      in_place([&]<Isa I>(uint8_t* p) { blend_gray_loop<I>(p, pixels, a); });
    }
    for (int shift : {0, 1, 100, 255}) in_place([&]<Isa I>(uint8_t* p) { shift_hue_loop<I>(p, pixels, shift); });
    in_place([&]<Isa I>(uint8_t* p) { to_gray_loop<I>(p, pixels); });
    in_place([&]<Isa I>(uint8_t* p) { solarize_loop<I>(p, pixels * 3, 128); });
    require_equal_on_every_isa([&]<Isa I>() { return gray_sum_loop<I>(x.data(), pixels); });
    const float scale[3] = {0.1f, 0.2f, 0.3f}, bias[3] = {-1, 0, 2};
    require_equal_on_every_isa([&]<Isa I>() {
      std::vector<float> out(x.size());
      normalize_loop<I>(x.data(), out.data(), pixels, scale, bias);
      return out;
    });
  }
}

TEST_CASE("no hue shift leaves grays alone and moves no colour by more than its 8-bit HSV does", "[kernels][image]") {
  std::vector<uint8_t> x;
  for (int r = 0; r < 256; r += 5)
    for (int g = 0; g < 256; g += 5)
      for (int b = 0; b < 256; b += 5) x.insert(x.end(), {uint8_t(r), uint8_t(g), uint8_t(b)});
  std::vector<uint8_t> y = x;
  shift_hue(cpu(), y.data(), int64_t(x.size() / 3), 0);
  int worst = 0, gray_worst = 0;
  for (size_t i = 0; i < x.size(); i += 3) {
    const bool gray = x[i] == x[i + 1] && x[i] == x[i + 2];
    for (size_t c = i; c < i + 3; ++c)
      (gray ? gray_worst : worst) = std::max(gray ? gray_worst : worst, std::abs(x[c] - y[c]));
  }
  CHECK(gray_worst == 0);
  CHECK(worst <= 7);
}

TEST_CASE("a blur of a constant picture is the same picture", "[kernels][image]") {
  for (int side : {2, 3, 17}) {
    std::vector<uint8_t> x(size_t(side * side * 3), 77);
    const float weight[2] = {0.5f, 0.25f};
    blur_rgb(cpu(), x.data(), side, side, weight, 1);
    CHECK(std::count(x.begin(), x.end(), 77) == side * side * 3);
  }
}

TEST_CASE("resize sees pixels outside the box but none outside the picture", "[kernels][image]") {
  // Black but for the right half; the box ends where white begins.
  constexpr int kSide = 8;
  std::vector<uint8_t> x(kSide * kSide * 3, 0);
  for (int y = 0; y < kSide; ++y) std::fill_n(x.begin() + (y * kSide + 4) * 3, 12, uint8_t(255));
  std::vector<uint8_t> out(8 * 8 * 3);
  const Pixels whole{x.data(), kSide * 3, kSide, kSide}, left{x.data(), kSide * 3, 4, kSide};
  resize_rgb(cpu(), whole, {0, 0, 4, 8}, out.data(), 8, 8, ResizeFilter::bilinear, false);
  CHECK(*std::max_element(out.begin(), out.end()) == 64);
  resize_rgb(cpu(), left, {0, 0, 4, 8}, out.data(), 8, 8, ResizeFilter::bilinear, false);
  CHECK(*std::max_element(out.begin(), out.end()) == 0);
}
