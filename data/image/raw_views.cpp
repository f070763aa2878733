#include <fovea/data/image/raw_views.h>

#include <algorithm>
#include <climits>
#include <cstring>

#include <fovea/config.h>
#include <fovea/core/check.h>

namespace fovea::data {

using kernels::Augmentation;

static int64_t aligned(int64_t bytes) {
  return (bytes + 15) / 16 * 16;
}

static Tensor bytes_of(int64_t count, bool pinned) {
  return pinned ? Tensor::pinned({count}, Dtype::u8) : Tensor::empty({count}, Dtype::u8);
}

bool all_planned(const Views& views) {
  for (int v = 0; v < views.count(); ++v)
    if (!views[v].draw()) return false;
  return true;
}

// The steps of a plan as the device takes them; a blur's weights go to the end of `weights`.
static void convert_steps(const ViewPlan& plan, int size, Augmentation& a, std::vector<float>& weights) {
  check(plan.steps.size() <= Augmentation::kMaxSteps, "views: want at most {} steps on a device, got {}",
        int(Augmentation::kMaxSteps), plan.steps.size());
  for (const ViewPlan::Step& step : plan.steps) {
    float value = step.value;
    if (step.kind == Augmentation::hue) value = float(int(double(step.value) * 255) & 255);
    if (step.kind == Augmentation::blur) {
      const std::vector<float> blur = gaussian_weights(plan.blur_size, step.value, size, size);
      a.radius = int32_t(blur.size()) - 1;
      a.weights = int64_t(weights.size());
      weights.insert(weights.end(), blur.begin(), blur.end());
    }
    a.step[a.steps] = step.kind;
    a.value[a.steps++] = value;
  }
}

// The smallest rectangle that holds all of them.
static Rect around(const std::vector<Rect>& rects) {
  int left = INT_MAX, top = INT_MAX, right = 0, bottom = 0;
  for (const Rect& r : rects) {
    left = std::min(left, r.x), top = std::min(top, r.y);
    right = std::max(right, r.x + r.width), bottom = std::max(bottom, r.y + r.height);
  }
  return {left, top, right - left, bottom - top};
}

std::vector<Place> RawPacker::add(Source source, Rng& rng) {
  if (views_.count() > 1) source.decode();
  const size_t first = part_.made.size();
  std::shared_ptr<const Image> image;
  std::vector<Rect> rects;  // of the image, one a view
  std::vector<Place> places;
  for (int v = 0; v < views_.count(); ++v) {
    const int size = views_[v].size();
    const ViewPlan plan = views_[v].draw()(source.width(), source.height(), rng);
    const Source::Part from = source.part(plan.rect, plan.width, plan.height);
    image = from.image;
    rects.push_back(from.rect);
    places.push_back(place_of(plan, size));
    Augmentation a;
    a.width = from.rect.width, a.height = from.rect.height;
    a.box = from.box;
    a.resized_width = plan.width, a.resized_height = plan.height;
    a.left = plan.left, a.top = plan.top;
    a.filter = plan.filter;
    a.mirror = plan.mirror, a.vflip = plan.vflip, a.rotate = plan.rotate;
    convert_steps(plan, size, a, part_.weights);
    part_.made.push_back(a);
  }
  const Rect seen = around(rects);
  for (size_t v = 0; v < rects.size(); ++v) {
    Augmentation& a = part_.made[first + v];
    a.stride = int64_t(seen.width) * Image::kChannels;
    a.pixels = bytes_ + (rects[v].y - seen.y) * a.stride + (rects[v].x - seen.x) * Image::kChannels;
  }
  bytes_ = aligned(bytes_ + int64_t(seen.height) * seen.width * Image::kChannels);
  pieces_.push_back({std::move(image), seen});
  return places;
}

RawViews::Part RawPacker::pack(bool pinned) {
  part_.pixels = bytes_of(bytes_, pinned);
  uint8_t* to = part_.pixels.data<uint8_t>();
  for (const Piece& piece : pieces_) {
    const int64_t row = int64_t(piece.rect.width) * Image::kChannels, bytes = row * piece.rect.height;
    for (int y = 0; y < piece.rect.height; ++y)
      std::memcpy(to + y * row, piece.image->at(piece.rect.x, piece.rect.y + y), size_t(row));
    std::memset(to + bytes, 0, size_t(aligned(bytes) - bytes));
    to += aligned(bytes);
  }
  pieces_.clear();
  return std::move(part_);
}

RawTable raw_table(const RawViews& raw, const Views& views, bool pinned) {
  const int64_t count = views.count();
  RawTable table;
  int64_t weights = 0;
  for (const RawViews::Part& part : raw.parts) {
    table.images += int64_t(part.made.size()) / count;
    weights += int64_t(part.weights.size());
  }
  std::vector<Augmentation> made(size_t(table.images * count));
  table.weights_at = int64_t(made.size() * sizeof(Augmentation));
  table.bytes = bytes_of(table.weights_at + weights * int64_t(sizeof(float)), pinned);
  table.pixels_at = aligned(table.bytes.numel());
  uint8_t* weights_to = table.bytes.data<uint8_t>() + table.weights_at;
  int64_t image = 0, weight = 0;
  for (const RawViews::Part& part : raw.parts) {
    table.part_at.push_back(table.pixel_bytes);
    for (size_t i = 0; i < part.made.size(); ++i) {
      Augmentation a = part.made[i];
      a.pixels += table.pixel_bytes, a.weights += weight;
      made[size_t(int64_t(i) % count * table.images + image + int64_t(i) / count)] = a;
    }
    if (!part.weights.empty())
      std::memcpy(weights_to + weight * int64_t(sizeof(float)), part.weights.data(),
                  part.weights.size() * sizeof(float));
    image += int64_t(part.made.size()) / count, weight += int64_t(part.weights.size());
    table.pixel_bytes += part.pixels.numel();
  }
  int view = 0;
  for (int members : views.groups()) {
    const std::span<Augmentation> group(made.data() + view * table.images, size_t(members * table.images));
    table.groups.push_back(kernels::augment_work(group, views[view].size()));
    view += members;
  }
  std::memcpy(table.bytes.data<uint8_t>(), made.data(), size_t(table.weights_at));
  return table;
}

std::vector<Tensor> make_raw_groups(const RawTable& table, const Tensor& memory, const Normalize& normalize) {
  std::vector<Tensor> groups;
  if constexpr (kHasCuda) {
    kernels::Cuda& ctx = kernels::cuda(memory.device().index);
    const uint8_t* at = memory.data<uint8_t>();
    const auto* views = reinterpret_cast<const Augmentation*>(at);
    const auto* weights = reinterpret_cast<const float*>(at + table.weights_at);
    const Normalize::Affine affine = normalize.affine();
    for (const kernels::AugmentWork& work : table.groups) {
      groups.push_back(
          Tensor::empty({work.views, work.size, work.size, Image::kChannels}, Dtype::f32, memory.device()));
      kernels::augment(ctx, work, at + table.pixels_at, views, weights, affine.scale, affine.bias,
                       groups.back().data<float>());
      views += work.views;
    }
  }
  return groups;
}

}  // namespace fovea::data
