#pragma once

#include <array>
#include <functional>
#include <memory>
#include <vector>

#include <fovea/core/choices.h>
#include <fovea/data/image/transforms.h>
#include <fovea/kernels/augment.h>

namespace fovea::data {

// How one view is made, in lightly's order: crop, flips, quarter turn, jitter, grayscale, blur, solarize. The defaults
// are SimCLR's at 128 pixels.
struct Recipe {
  int size = 128;
  Range scale{0.08f, 1.0f};
  Filter filter = Filter::bilinear;
  float flip = 0.5f, vertical_flip = 0, rotate = 0;
  float jitter_p = 0.8f;
  ColorJitter jitter{0.4f, 0.4f, 0.4f, 0.1f};
  float gray = 0.2f;
  float blur = 0.5f;
  GaussianBlur blur_kernel{};  // the true sigma in pixels, 0.1 to 2, whatever the size of the view
  float solarize = 0;
  bool solarize_before_blur = false;  // VICReg
  bool gray_before_jitter = false;    // MoCo v1: crop, gray, jitter, flip
};

// One view of one image, everything random decided: what a recipe draws, and make_view() or a device makes.
struct ViewPlan {
  Rect rect;                  // of the source,
  int width = 0, height = 0;  // resized to this,
  Filter filter = Filter::bilinear;
  bool mirror = false;                 // from right to left,
  int left = 0, top = 0;               // cropped from here on (zeros beyond it),
  bool vflip = false, rotate = false;  // upside down, a quarter turn counter-clockwise; then the steps in order
  struct Step {
    kernels::Augmentation::Step kind;
    float value = 0;  // a factor, a threshold, or the blur's sigma
  };
  std::vector<Step> steps = {};
  int blur_size = 0;  // as in gaussian_blur()
};
ViewPlan draw_view(const Recipe& recipe, int width, int height, Rng& rng);  // of a source of width x height
Image make_view(const ViewPlan& plan, int size, const Source& source);

// Where a view lies in its source: rows of a matrix that takes (u, v, 1) to the source's x and y in pixels, u and v
// from 0 to 1 over the view from its upper left corner. It knows of the crop, the flips and the quarter turn.
using Place = std::array<float, 6>;
Place place_of(const ViewPlan& plan, int size);

// Makes one view of a source.
class View {
 public:
  View(const Recipe& recipe);  // NOLINT: a recipe is a view
  // Plans drawn in another way, for a source of width x height.
  using Draw = std::function<ViewPlan(int width, int height, Rng& rng)>;
  View(int size, Draw draw) : size_(size), draw_(std::move(draw)) {}
  // Any other function; it must return images of size x size. Such views are made on the CPU alone.
  View(int size, std::function<Image(const Source&, Rng&)> make) : size_(size), make_(std::move(make)) {}
  int size() const { return size_; }
  Image operator()(const Source& source, Rng& rng) const {
    return draw_ ? make_view(draw_(source.width(), source.height(), rng), size_, source) : make_(source, rng);
  }
  // Null if the view is a function of images.
  const Draw& draw() const { return draw_; }
  // Null unless the view was made of a recipe.
  const Recipe* recipe() const { return recipe_.get(); }

 private:
  int size_;
  Draw draw_;
  std::function<Image(const Source&, Rng&)> make_;
  std::shared_ptr<const Recipe> recipe_;
};

// Turns one source into k images. Views of one size stand together (multi-crop: global views first, then local ones): a
// network takes each such group as one batch.
class Views {
 public:
  Views(std::vector<View> views);  // NOLINT; throws Error when empty or when views of one size do not stand together
  int count() const { return int(views_.size()); }
  const View& operator[](int i) const { return views_[size_t(i)]; }
  // The number of views in each group of one size.
  const std::vector<int>& groups() const { return groups_; }
  std::vector<Image> operator()(const Source& source, Rng& rng) const;
  // The same views, those that are made of recipes of changed ones.
  Views with(const std::function<void(Recipe&)>& change) const;
  // `count` views of one size, these in turn: first, second, first, ...
  Views cycle(int count) const;

 private:
  std::vector<View> views_;
  std::vector<int> groups_;
};

// The papers' recipes; every crop is also mirrored half of the time. Jitter is brightness, contrast, saturation, hue.

struct SimClrViewsOptions {
  float strength = 0.5f;  // factor on the jitter .8 .8 .8 .2
  float blur = 0.5f;      // its probability
};
// Two global views of size x size, and local ones.
struct MultiCropOptions {
  int size = 224, local_size = 96;
  int locals = 0;  // how many; 0: as many as the recipe's paper has
};

// SimCLR (Chen et al., 2020), also DCL, NNCLR and lightly's Imagenette table: jitter .8 .8 .8 .2 times strength, which
// is 1 at 224 pixels in the paper and 0.5 in the table and for CIFAR. CIFAR runs of the paper have no blur.
Views simclr_views(int size, const SimClrViewsOptions& options = {});
// BYOL (Grill et al., 2020), Barlow Twins, VICReg and MoCo v3: the two views differ in blur and solarisation.
Views byol_views(int size, float min_scale = 0.08f);
// SimSiam (Chen & He, 2020) and MoCo v2; FastSiam with four views.
Views simsiam_views(int size, int count = 2);
// MoCo v1 (He et al., 2019) and instance discrimination, in the order of the papers' code: crop, gray, jitter, flip.
Views mocov1_views(int size);
// PIRL (Misra & van der Maaten, 2019), jitter times strength: the image (size), and a jigsaw of it. For the jigsaw a
// crop (.6, 1) is cut into 3 x 3 cells; of each a random square of 3/4 of its side, 2/7 of `size` (64 pixels of 224),
// is augmented by itself, and the nine are laid out as one picture in random order. Jigsaws are made on the CPU.
Views pirl_views(int size, float strength = 1);
// SwAV (Caron et al., 2020): 2 x global + 6 x local; strength as for simclr_views.
Views swav_views(const MultiCropOptions& options, float strength = 0.5f);
// DINO (Caron et al., 2021): bicubic; globals differ in blur and solarisation. 6 locals; officially 8.
Views dino_views(const MultiCropOptions& options);
// DINOv2 (Oquab et al., 2023): DINO with globals (.32, 1) and 8 locals (.05, .32).
Views dinov2_views(const MultiCropOptions& options);
// SMoG (Pang et al., 2022).
Views smog_views(int size);
// MSN (Assran et al., 2022): 2 x global (.3, 1) + 10 x local. Strength 0.5 officially, 1 in lightly's table.
Views msn_views(const MultiCropOptions& options, float strength = 0.5f);
// VICReg (Bardes et al., 2021) as in lightly's table: both views alike, solarisation before blur.
Views vicreg_views(int size);
// VICRegL (Bardes et al., 2022) as in lightly's table: two global views.
Views vicregl_views(int size);
// LeJEPA (Balestriero & LeCun, 2025) for ImageNet: solarisation on every view, 6 locals.
Views lejepa_views(const MultiCropOptions& options);
// LeJEPA for Imagenette, in the authors' code: equal views, strong jitter.
Views lejepa_equal_views(int size, int count = 4);
// MAE (He et al., 2021): one bicubic crop (.2, 1).
Views mae_views(int size);
// SimMIM (Xie et al., 2021): one crop (.67, 1).
Views simmim_views(int size);
// For evaluation, nothing random: short side to resize_to (default: size), the middle size x size of it.
Views test_views(int size, int resize_to = 0);
// The linear probe's training view: RandomResizedCrop (.08, 1) and flip.
Views probe_views(int size);

// Those of two views or more by name, each with what makes it; a recipe without local views takes the size alone.
const Choices<Views (*)(const MultiCropOptions& options)>& view_recipes();

}  // namespace fovea::data
