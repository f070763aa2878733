#include <fovea/data/sets/synthetic.h>

#include <algorithm>
#include <array>
#include <cmath>

#include <fovea/core/check.h>
#include <fovea/core/random.h>

namespace fovea::data {

namespace {

constexpr int kShapes = 8;
constexpr float kPi = 3.14159265f;

// The distance of (u, v) from the shape's outline, negative inside; shapes fill about the unit disc.
float outline(int shape, float u, float v) {
  const float r = std::hypot(u, v), x = std::abs(u), y = std::abs(v);
  switch (shape) {
    case 0:
      return r - 0.85f;  // disc
    case 1:
      return std::abs(r - 0.7f) - 0.22f;  // ring
    case 2:
      return std::max(x, y) - 0.75f;  // square
    case 3:
      return std::max(v, 0.866f * x - 0.5f * v) - 0.5f;  // triangle
    case 4:
      return std::min(std::max(x - 0.95f, y - 0.28f), std::max(y - 0.95f, x - 0.28f));  // cross
    case 5: {                                                                           // star
      const float turn = std::atan2(u, v) * 5 / (2 * kPi);
      return 0.6f * (r - (0.4f + 0.6f * std::abs(1 - 2 * (turn - std::floor(turn)))));
    }
    case 6:
      return std::max(r - 0.95f, 0.75f - std::hypot(u - 0.45f, v));  // crescent
    default:
      return std::max(x - 0.95f, y - 0.26f);  // bar
  }
}

using Colour = std::array<float, 3>;

Colour random_colour(Rng& rng) {
  return {rng.uniform(0, 255), rng.uniform(0, 255), rng.uniform(0, 255)};
}

float distance(const Colour& a, const Colour& b) {
  return std::abs(a[0] - b[0]) + std::abs(a[1] - b[1]) + std::abs(a[2] - b[2]);
}

class Synthetic : public Dataset {
 public:
  Synthetic(int64_t size, uint64_t seed, int side) : size_(size), seed_(seed), side_(side) {
    check(size > 0, "synthetic: want at least one image, got {}", size);
    check(side >= 8 && side <= 1024, "synthetic: want images of 8 to 1024 pixels a side, got {}", side);
  }
  int64_t size() const override { return size_; }
  int64_t label(int64_t i) const override {
    check(i >= 0 && i < size_, "synthetic: want an index in [0, {}), got {}", size_, i);
    return i % kShapes;
  }
  const std::vector<std::string>& classes() const override {
    static const std::vector<std::string> names{"disc",  "ring", "square",   "triangle",
                                                "cross", "star", "crescent", "bar"};
    return names;
  }
  int image_size() const override { return side_; }

  Source get(int64_t i) const override {
    const int shape = int(label(i));
    Rng rng(seed_, uint64_t(i));
    const float side = float(side_), radius = side * rng.uniform(0.25f, 0.42f);
    const float cx = rng.uniform(radius, side - radius), cy = rng.uniform(radius, side - radius);
    const float angle = rng.uniform(-0.5f, 0.5f), cosine = std::cos(angle) / radius, sine = std::sin(angle) / radius;
    // The background runs from one colour to another; the shape stands out against both.
    const Colour from = random_colour(rng);
    Colour to = random_colour(rng), ink = random_colour(rng);
    for (size_t c = 0; c < 3; ++c) to[c] = 0.6f * from[c] + 0.4f * to[c];
    for (int attempt = 0; attempt < 20 && std::min(distance(ink, from), distance(ink, to)) < 180; ++attempt)
      ink = random_colour(rng);
    const float tilt = rng.uniform(0, 2 * kPi), dx = std::cos(tilt) / side, dy = std::sin(tilt) / side;

    Image image(side_, side_);
    for (int y = 0; y < side_; ++y)
      for (int x = 0; x < side_; ++x) {
        const float px = float(x) + 0.5f - cx, py = float(y) + 0.5f - cy;
        const float edge = outline(shape, px * cosine + py * sine, py * cosine - px * sine) * radius;
        const float cover = std::clamp(0.5f - edge, 0.0f, 1.0f);
        const float blend = std::clamp(0.5f + (float(x) - side / 2) * dx + (float(y) - side / 2) * dy, 0.0f, 1.0f);
        const uint32_t noise = rng.next();
        uint8_t* pixel = image.at(x, y);
        for (size_t c = 0; c < 3; ++c) {
          const float ground = from[c] + (to[c] - from[c]) * blend;
          const float grain = float(noise >> (8 * c) & 255) * (20.0f / 255.0f) - 10.0f;
          pixel[c] = uint8_t(std::clamp(ground + (ink[c] - ground) * cover + grain, 0.0f, 255.0f));
        }
      }
    return Source(std::move(image));
  }

 private:
  int64_t size_;
  uint64_t seed_;
  int side_;
};

}  // namespace

DatasetPtr synthetic(int64_t size, const SyntheticOptions& options) {
  return std::make_shared<Synthetic>(size, options.seed, options.image_size);
}

}  // namespace fovea::data
