#include <fovea/data/image/views.h>

#include <algorithm>
#include <array>
#include <numeric>

#include <fovea/core/check.h>

namespace fovea::data {

using Step = kernels::Augmentation::Step;
static_assert(int(Step::brightness) == Adjustment::brightness && int(Step::contrast) == Adjustment::contrast &&
              int(Step::saturation) == Adjustment::saturation && int(Step::hue) == Adjustment::hue);

ViewPlan draw_view(const Recipe& r, int width, int height, Rng& rng) {
  auto chance = [&](float p) { return p > 0 && rng.bernoulli(p); };
  const RandomResizedCrop crop{.size = r.size, .scale = r.scale};
  ViewPlan plan{.rect = random_crop_rect(width, height, r.scale, crop.ratio, rng),
                .width = r.size,
                .height = r.size,
                .filter = r.filter,
                .blur_size = r.blur_kernel.kernel_size};
  plan.mirror = chance(r.flip);
  plan.vflip = chance(r.vertical_flip);
  plan.rotate = chance(r.rotate);
  if (r.gray_before_jitter && chance(r.gray)) plan.steps.push_back({Step::gray});
  if (chance(r.jitter_p))
    for (const Adjustment& a : r.jitter.draw(rng)) plan.steps.push_back({Step(a.kind), a.factor});
  if (!r.gray_before_jitter && chance(r.gray)) plan.steps.push_back({Step::gray});
  if (r.solarize_before_blur && chance(r.solarize)) plan.steps.push_back({Step::solarize, 128});
  if (chance(r.blur))
    plan.steps.push_back({Step::blur, rng.uniform(r.blur_kernel.sigma.low, r.blur_kernel.sigma.high)});
  if (!r.solarize_before_blur && chance(r.solarize)) plan.steps.push_back({Step::solarize, 128});
  return plan;
}

Image make_view(const ViewPlan& plan, int size, const Source& source) {
  Image image = source.crop(plan.rect, plan.width, plan.height, plan.filter, plan.mirror);
  if (plan.left || plan.top || plan.width != size || plan.height != size)
    image = crop(image, {plan.left, plan.top, size, size});
  if (plan.vflip) vflip(image);
  if (plan.rotate) image = rotate90(image);
  for (const ViewPlan::Step& step : plan.steps) {
    if (step.kind <= Step::hue)
      adjust(image, {Adjustment::Kind(step.kind), step.value});
    else if (step.kind == Step::gray)
      to_grayscale(image);
    else if (step.kind == Step::solarize)
      solarize(image, int(step.value));
    else
      gaussian_blur(image, plan.blur_size, step.value);
  }
  return image;
}

// One coordinate of a place in the view, as it lies in the source along one axis.
static void place_axis(float* row, int which, bool backwards, double begin, double extent) {
  row[0] = row[1] = 0;
  row[which] = float(backwards ? -extent : extent);
  row[2] = float(backwards ? begin + extent : begin);
}

Place place_of(const ViewPlan& plan, int size) {
  // Along x: the view's window [left, left + size) of the resized crop, which may be mirrored; y alike.
  const double x_scale = double(plan.rect.width) / plan.width, y_scale = double(plan.rect.height) / plan.height;
  const double left = plan.mirror ? plan.width - plan.left - size : plan.left;
  // A quarter turn counter-clockwise takes x to the view's v, backwards, and y to u.
  Place place;
  place_axis(&place[0], plan.rotate ? 1 : 0, plan.mirror != plan.rotate, plan.rect.x + left * x_scale, size * x_scale);
  place_axis(&place[3], plan.rotate ? 0 : 1, plan.vflip, plan.rect.y + plan.top * y_scale, size * y_scale);
  return place;
}

View::View(const Recipe& recipe) : size_(recipe.size), recipe_(std::make_shared<Recipe>(recipe)) {
  check(recipe.size > 0, "View: want a positive size, got {}", recipe.size);
  draw_ = [recipe](int width, int height, Rng& rng) { return draw_view(recipe, width, height, rng); };
}

Views::Views(std::vector<View> views) : views_(std::move(views)) {
  check(!views_.empty(), "Views: want at least one view");
  std::vector<int> sizes;
  for (const View& view : views_) {
    if (sizes.empty() || sizes.back() != view.size()) {
      check(std::find(sizes.begin(), sizes.end(), view.size()) == sizes.end(),
            "Views: want views of one size side by side, got size {} in two places", view.size());
      sizes.push_back(view.size());
      groups_.push_back(0);
    }
    ++groups_.back();
  }
}

std::vector<Image> Views::operator()(const Source& source, Rng& rng) const {
  Source shared = source;
  if (count() > 1) shared.decode();
  std::vector<Image> images;
  images.reserve(views_.size());
  for (const View& view : views_) images.push_back(view(shared, rng));
  return images;
}

Views Views::with(const std::function<void(Recipe&)>& change) const {
  std::vector<View> out;
  for (const View& view : views_) {
    out.push_back(view);
    if (!view.recipe()) continue;
    Recipe recipe = *view.recipe();
    change(recipe);
    out.back() = View(recipe);
  }
  return Views(std::move(out));
}

Views Views::cycle(int count) const {
  std::vector<View> out;
  for (int i = 0; i < count; ++i) out.push_back(views_[size_t(i) % views_.size()]);
  return Views(std::move(out));
}

static Views repeated(const Recipe& recipe, int count) {
  return Views(std::vector<View>(size_t(count), View(recipe)));
}

// The globals and the locals that are asked for, `count` of them in the paper.
static Views with_locals(std::vector<View> views, Recipe local, const MultiCropOptions& options, Range scale,
                         int count) {
  local.size = options.local_size;
  local.scale = scale;
  views.insert(views.end(), size_t(options.locals > 0 ? options.locals : count), View(local));
  return Views(std::move(views));
}

static ColorJitter simclr_jitter(float strength) {
  return {0.8f * strength, 0.8f * strength, 0.8f * strength, 0.2f * strength};
}

static constexpr ColorJitter kByolJitter{0.4f, 0.4f, 0.2f, 0.1f};

Views simclr_views(int size, const SimClrViewsOptions& options) {
  return repeated({.size = size, .jitter = simclr_jitter(options.strength), .blur = options.blur}, 2);
}

Views byol_views(int size, float min_scale) {
  Recipe first{.size = size, .scale = {min_scale, 1}, .jitter = kByolJitter, .blur = 1};
  Recipe second = first;
  second.blur = 0.1f;
  second.solarize = 0.2f;
  return Views({first, second});
}

Views simsiam_views(int size, int count) {
  return repeated({.size = size, .scale = {0.2f, 1}}, count);
}

Views mocov1_views(int size) {
  return repeated({.size = size,
                   .scale = {0.2f, 1},
                   .jitter_p = 1,
                   .jitter = {0.4f, 0.4f, 0.4f, 0.4f},
                   .blur = 0,
                   .gray_before_jitter = true},
                  2);
}

static View jigsaw_view(const Recipe& patch) {
  constexpr int kSide = 3;
  const int cell = patch.size + std::max(1, patch.size / 3), whole = kSide * cell;
  return View(kSide * patch.size, [=](const Source& source, Rng& rng) {
    const RandomResizedCrop crop{.size = whole, .scale = {0.6f, 1}};
    const Source picture(crop(source, rng));
    std::array<int, kSide * kSide> order;
    std::iota(order.begin(), order.end(), 0);
    for (int i = int(order.size()) - 1; i > 0; --i) std::swap(order[size_t(i)], order[size_t(rng.integer(0, i + 1))]);
    Image jigsaw(kSide * patch.size, kSide * patch.size);
    for (int i = 0; i < int(order.size()); ++i) {
      ViewPlan plan = draw_view(patch, whole, whole, rng);
      const int from = order[size_t(i)], slack = cell - patch.size;
      plan.rect = {from % kSide * cell + int(rng.integer(0, slack + 1)),
                   from / kSide * cell + int(rng.integer(0, slack + 1)), patch.size, patch.size};
      const Image piece = make_view(plan, patch.size, picture);
      for (int y = 0; y < patch.size; ++y)
        std::copy_n(piece.row(y), patch.size * Image::kChannels,
                    jigsaw.at(i % kSide * patch.size, i / kSide * patch.size + y));
    }
    return jigsaw;
  });
}

Views pirl_views(int size, float strength) {
  Recipe image{.size = size, .jitter = {0.4f * strength, 0.4f * strength, 0.4f * strength, 0.2f * strength}, .blur = 0};
  Recipe patch = image;
  patch.size = std::max(1, (2 * size + 3) / 7);
  return Views({image, jigsaw_view(patch)});
}

Views swav_views(const MultiCropOptions& options, float strength) {
  Recipe global{.size = options.size, .scale = {0.14f, 1}, .jitter = simclr_jitter(strength)};
  return with_locals({global, global}, global, options, {0.05f, 0.14f}, 6);
}

static Views dino_like(const MultiCropOptions& options, float border, int locals) {
  Recipe first{.size = options.size, .scale = {border, 1}, .filter = Filter::bicubic, .jitter = kByolJitter, .blur = 1};
  Recipe second = first, local = first;
  second.blur = 0.1f;
  second.solarize = 0.2f;
  local.blur = 0.5f;
  return with_locals({first, second}, local, options, {0.05f, border}, locals);
}

Views dino_views(const MultiCropOptions& options) {
  return dino_like(options, 0.4f, 6);
}

Views dinov2_views(const MultiCropOptions& options) {
  return dino_like(options, 0.32f, 8);
}

Views smog_views(int size) {
  Recipe first{.size = size, .scale = {0.2f, 1}, .jitter_p = 1, .jitter = kByolJitter};
  Recipe second = first;
  second.blur = 0.1f;
  second.solarize = 0.2f;
  return Views({first, second});
}

Views msn_views(const MultiCropOptions& options, float strength) {
  Recipe global{.size = options.size, .scale = {0.3f, 1}, .jitter = simclr_jitter(strength)};
  return with_locals({global, global}, global, options, {0.05f, 0.3f}, 10);
}

Views vicreg_views(int size) {
  return repeated({.size = size, .jitter = kByolJitter, .solarize = 0.1f, .solarize_before_blur = true}, 2);
}

Views vicregl_views(int size) {
  return repeated({.size = size, .scale = {0.2f, 1}, .jitter_p = 1, .jitter = kByolJitter}, 2);
}

Views lejepa_views(const MultiCropOptions& options) {
  Recipe global{.size = options.size, .scale = {0.3f, 1}, .jitter = kByolJitter, .solarize = 0.2f};
  return with_locals({global, global}, global, options, {0.05f, 0.3f}, 6);
}

Views lejepa_equal_views(int size, int count) {
  return repeated({.size = size, .jitter = simclr_jitter(1), .solarize = 0.2f}, count);
}

static Recipe crop_only(int size, float min_scale) {
  return {.size = size, .scale = {min_scale, 1}, .jitter_p = 0, .gray = 0, .blur = 0};
}

Views mae_views(int size) {
  Recipe recipe = crop_only(size, 0.2f);
  recipe.filter = Filter::bicubic;
  return repeated(recipe, 1);
}

Views simmim_views(int size) {
  return repeated(crop_only(size, 0.67f), 1);
}

Views probe_views(int size) {
  return repeated(crop_only(size, 0.08f), 1);
}

Views test_views(int size, int resize_to) {
  const Resize resize{resize_to > 0 ? resize_to : size};
  return Views({View(size, View::Draw([=](int width, int height, Rng&) {
                       const auto [w, h] = resize.target(width, height);
                       const CenterCrop center{size};
                       return ViewPlan{.rect = {0, 0, width, height},
                                       .width = w,
                                       .height = h,
                                       .filter = resize.filter,
                                       .left = center.offset(w),
                                       .top = center.offset(h)};
                     }))});
}

const Choices<Views (*)(const MultiCropOptions& options)>& view_recipes() {
  using Crops = MultiCropOptions;
  static const Choices<Views (*)(const Crops&)> all = {
      {"simclr", "SimCLR (Chen et al., 2020): two views, colour jitter of strength 0.5, blur",
       [](const Crops& crops) { return simclr_views(crops.size); }},
      {"byol", "BYOL (Grill et al., 2020): two views that differ in blur and solarisation",
       [](const Crops& crops) { return byol_views(crops.size); }},
      {"simsiam", "SimSiam (Chen & He, 2020) and MoCo v2: two views, crops of at least a fifth of the image",
       [](const Crops& crops) { return simsiam_views(crops.size); }},
      {"fastsiam", "FastSiam (Pototzky et al., 2022): four views like SimSiam's",
       [](const Crops& crops) { return simsiam_views(crops.size, 4); }},
      {"mocov1", "MoCo v1 (He et al., 2019) and instance discrimination: two views, no blur",
       [](const Crops& crops) { return mocov1_views(crops.size); }},
      {"swav", "SwAV (Caron et al., 2020): multi-crop, two global views and six local ones",
       [](const Crops& crops) { return swav_views(crops); }},
      {"dino",
       "DINO (Caron et al., 2021): multi-crop, two global views that differ in blur and solarisation, six "
       "local ones",
       &dino_views},
      {"smog", "SMoG (Pang et al., 2022): two views that differ in blur and solarisation",
       [](const Crops& crops) { return smog_views(crops.size); }},
      {"vicreg",
       "VICReg (Bardes et al., 2021) in lightly's table: two views with the same augmentations, solarisation before "
       "blur",
       [](const Crops& crops) { return vicreg_views(crops.size); }},
      {"vicregl", "VICRegL (Bardes et al., 2022) in lightly's table: two views, crops of at least a fifth of the image",
       [](const Crops& crops) { return vicregl_views(crops.size); }},
      {"lejepa",
       "LeJEPA (Balestriero & LeCun, 2025) for ImageNet: multi-crop, two global views and six local ones, solarisation",
       &lejepa_views},
      {"lejepa-equal",
       "LeJEPA (Balestriero & LeCun, 2025) for Imagenette: four views with the same strong augmentations",
       [](const Crops& crops) { return lejepa_equal_views(crops.size); }}};
  return all;
}

}  // namespace fovea::data
