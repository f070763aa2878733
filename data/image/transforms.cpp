#include <fovea/data/image/transforms.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include <fovea/core/check.h>
#include <fovea/core/dispatch.h>
#include <fovea/kernels/image.h>

namespace fovea::data {

static int64_t pixels_of(const Image& image) {
  return int64_t(image.width()) * image.height();
}

static void check_factor(const char* op, float factor) {
  check(factor >= 0, "{}: want a factor of at least 0, got {}", op, factor);
}

void adjust_brightness(Image& image, float factor) {
  check_factor("adjust_brightness", factor);
  kernels::blend_constant(kernels::cpu(), image.data(), int64_t(image.bytes()), 0, factor);
}

void adjust_contrast(Image& image, float factor) {
  check_factor("adjust_contrast", factor);
  const int64_t pixels = pixels_of(image);
  const int mean = int(double(kernels::gray_sum(kernels::cpu(), image.data(), pixels)) / double(pixels) + 0.5);
  kernels::blend_constant(kernels::cpu(), image.data(), int64_t(image.bytes()), mean, factor);
}

void adjust_saturation(Image& image, float factor) {
  check_factor("adjust_saturation", factor);
  kernels::blend_gray(kernels::cpu(), image.data(), pixels_of(image), factor);
}

void adjust_hue(Image& image, float factor) {
  check(factor >= -0.5f && factor <= 0.5f, "adjust_hue: want a factor in [-0.5, 0.5], got {}", factor);
  kernels::shift_hue(kernels::cpu(), image.data(), pixels_of(image), int(double(factor) * 255));
}

void to_grayscale(Image& image) {
  kernels::to_gray(kernels::cpu(), image.data(), pixels_of(image));
}

void solarize(Image& image, int threshold) {
  kernels::solarize(kernels::cpu(), image.data(), int64_t(image.bytes()), threshold);
}

std::vector<float> gaussian_weights(int kernel_size, float sigma, int width, int height) {
  check(sigma > 0, "gaussian_blur: want a positive sigma, got {}", sigma);
  check(kernel_size == 0 || (kernel_size > 0 && kernel_size % 2 == 1),
        "gaussian_blur: want an odd kernel size, or 0 for one that suits sigma, got {}", kernel_size);
  constexpr int kMaxRadius = 128;
  int radius = kernel_size ? kernel_size / 2 : int(std::min(std::ceil(3.0f * sigma), float(kMaxRadius)));
  radius = std::min({radius, kMaxRadius, width - 1, height - 1});
  std::vector<float> weights;
  double sum = 0;
  auto value = [&](int i) { return std::exp(-0.5 * (i / double(sigma)) * (i / double(sigma))); };
  for (int i = 0; i <= radius; ++i) sum += (i ? 2 : 1) * value(i);
  for (int i = 0; i <= radius; ++i) weights.push_back(float(value(i) / sum));
  return weights;
}

void gaussian_blur(Image& image, int kernel_size, float sigma) {
  const std::vector<float> weights = gaussian_weights(kernel_size, sigma, image.width(), image.height());
  kernels::blur_rgb(kernels::cpu(), image.data(), image.width(), image.height(), weights.data(),
                    int(weights.size()) - 1);
}

void hflip(Image& image) {
  for (int y = 0; y < image.height(); ++y)
    for (uint8_t *a = image.row(y), *b = a + (image.width() - 1) * 3; a < b; a += 3, b -= 3)
      std::swap_ranges(a, a + 3, b);
}

void vflip(Image& image) {
  const size_t n = size_t(image.width()) * 3;
  for (int y = 0; y < image.height() / 2; ++y)
    std::swap_ranges(image.row(y), image.row(y) + n, image.row(image.height() - 1 - y));
}

Image rotate90(const Image& image, int turns) {
  turns &= 3;
  if (turns == 0) return image;
  const int w = image.width(), h = image.height();
  Image out(turns == 2 ? w : h, turns == 2 ? h : w);
  for (int y = 0; y < out.height(); ++y)
    for (int x = 0; x < out.width(); ++x) {
      const uint8_t* from = turns == 1   ? image.at(w - 1 - y, x)
                            : turns == 2 ? image.at(w - 1 - x, h - 1 - y)
                                         : image.at(y, h - 1 - x);
      std::memcpy(out.at(x, y), from, 3);
    }
  return out;
}

Rect random_crop_rect(int width, int height, Range scale, Range ratio, Rng& rng) {
  check(scale.low > 0 && scale.low <= scale.high && ratio.low > 0 && ratio.low <= ratio.high,
        "RandomResizedCrop: want positive ranges, got scale [{}, {}] and ratio [{}, {}]", scale.low, scale.high,
        ratio.low, ratio.high);
  const double area = double(width) * height;
  const float log_low = std::log(ratio.low), log_high = std::log(ratio.high);
  for (int attempt = 0; attempt < 10; ++attempt) {
    const double target = area * rng.uniform(scale.low, scale.high);
    const double aspect = std::exp(rng.uniform(log_low, log_high));
    const int w = int(std::nearbyint(std::sqrt(target * aspect))), h = int(std::nearbyint(std::sqrt(target / aspect)));
    if (w > 0 && h > 0 && w <= width && h <= height) {
      const int y = int(rng.integer(0, height - h + 1)), x = int(rng.integer(0, width - w + 1));
      return {x, y, w, h};
    }
  }
  int w = width, h = height;
  const double given = double(width) / height;
  if (given < ratio.low) h = std::max(1, int(std::nearbyint(w / double(ratio.low))));
  if (given > ratio.high) w = std::max(1, int(std::nearbyint(h * double(ratio.high))));
  return {(width - w) / 2, (height - h) / 2, w, h};
}

Image RandomResizedCrop::operator()(const Source& source, Rng& rng) const {
  const Rect rect = random_crop_rect(source.width(), source.height(), scale, ratio, rng);
  return source.crop(rect, size, size, filter, flip > 0 && rng.bernoulli(flip));
}

Image HorizontalFlip::operator()(Image image, Rng& rng) const {
  if (rng.bernoulli(p)) hflip(image);
  return image;
}

Image VerticalFlip::operator()(Image image, Rng& rng) const {
  if (rng.bernoulli(p)) vflip(image);
  return image;
}

Image Rotate90::operator()(Image image, Rng& rng) const {
  return rng.bernoulli(p) ? rotate90(image) : std::move(image);
}

void adjust(Image& image, const Adjustment& adjustment) {
  switch (adjustment.kind) {
    case Adjustment::brightness:
      return adjust_brightness(image, adjustment.factor);
    case Adjustment::contrast:
      return adjust_contrast(image, adjustment.factor);
    case Adjustment::saturation:
      return adjust_saturation(image, adjustment.factor);
    case Adjustment::hue:
      return adjust_hue(image, adjustment.factor);
  }
}

std::vector<Adjustment> ColorJitter::draw(Rng& rng) const {
  using Kind = Adjustment::Kind;
  std::array<Kind, 4> order{Kind::brightness, Kind::contrast, Kind::saturation, Kind::hue};
  for (int i = 3; i > 0; --i) std::swap(order[size_t(i)], order[size_t(rng.integer(0, i + 1))]);
  const float strength[] = {brightness, contrast, saturation, hue};
  std::vector<Adjustment> adjustments;
  for (Kind kind : order) {
    const float x = strength[kind];
    if (x > 0)
      adjustments.push_back({kind, kind == Kind::hue ? rng.uniform(-x, x) : rng.uniform(std::max(0.0f, 1 - x), 1 + x)});
  }
  return adjustments;
}

Image ColorJitter::operator()(Image image, Rng& rng) const {
  for (const Adjustment& adjustment : draw(rng)) adjust(image, adjustment);
  return image;
}

Image RandomGrayscale::operator()(Image image, Rng& rng) const {
  if (rng.bernoulli(p)) to_grayscale(image);
  return image;
}

Image GaussianBlur::operator()(Image image, Rng& rng) const {
  gaussian_blur(image, kernel_size, rng.uniform(sigma.low, sigma.high));
  return image;
}

Image Solarize::operator()(Image image, Rng& rng) const {
  if (rng.bernoulli(p)) solarize(image, threshold);
  return image;
}

std::pair<int, int> Resize::target(int w, int h) const {
  check(size > 0, "Resize: want a positive size, got {}", size);
  const int64_t longer = int64_t(size) * std::max(w, h) / std::min(w, h);
  check(longer <= INT32_MAX, "Resize: want a shape less extreme than {} x {}", w, h);
  return {w <= h ? size : int(longer), w <= h ? int(longer) : size};
}

Image Resize::operator()(const Source& source, Rng&) const {
  const auto [w, h] = target(source.width(), source.height());
  return source.crop(source.rect(), w, h, filter);
}

int CenterCrop::offset(int side) const {
  return side < size ? -((size - side) / 2) : int(std::nearbyint((side - size) / 2.0));
}

Image CenterCrop::operator()(const Image& image, Rng&) const {
  return crop(image, {offset(image.width()), offset(image.height()), size, size});
}

Image Pad::operator()(const Image& image, Rng&) const {
  check(border >= 0, "Pad: want a border of at least 0, got {}", border);
  return crop(image, {-border, -border, image.width() + 2 * border, image.height() + 2 * border});
}

Image RandomCrop::operator()(const Image& image, Rng& rng) const {
  const int w = image.width() + 2 * padding, h = image.height() + 2 * padding;
  check(padding >= 0 && size > 0 && w >= size && h >= size,
        "RandomCrop: want an image of at least {} x {} pixels with its padding, got {} x {}", size, size, w, h);
  const int y = int(rng.integer(0, h - size + 1)), x = int(rng.integer(0, w - size + 1));
  return crop(image, {x - padding, y - padding, size, size});
}

Normalize::Affine Normalize::affine() const {
  Affine a{};
  for (size_t c = 0; c < 3; ++c) {
    a.scale[c] = 1 / (255 * std[c]);
    a.bias[c] = -mean[c] / std[c];
  }
  return a;
}

void Normalize::operator()(const Image& image, float* out) const {
  const Affine a = affine();
  kernels::normalize_rgb(kernels::cpu(), image.data(), out, pixels_of(image), a.scale, a.bias);
}

Tensor Normalize::operator()(const Tensor& images) const {
  check(images.dtype() == Dtype::u8 && images.rank() > 0 && images.size(-1) == 3,
        "Normalize: want u8 pixels [..., 3], got {} {}", name_of(images.dtype()), images.shape());
  const Affine a = affine();
  Tensor out = Tensor::empty(images.shape(), Dtype::f32, images.device());
  dispatch(images.device(), [&](auto& ctx) {
    kernels::normalize_rgb(ctx, images.data<uint8_t>(), out.data<float>(), images.numel() / 3, a.scale, a.bias);
  });
  return out;
}

Image Normalize::invert(const float* pixels, int width, int height) const {
  Image image(width, height);
  for (size_t i = 0; i < image.bytes(); ++i) {
    const float v = (pixels[i] * std[i % 3] + mean[i % 3]) * 255;
    image.data()[i] = uint8_t(std::clamp(std::nearbyint(v), 0.0f, 255.0f));
  }
  return image;
}

}  // namespace fovea::data
