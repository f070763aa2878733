#pragma once

#include <memory>
#include <vector>

#include <fovea/core/tensor.h>
#include <fovea/data/image/views.h>
#include <fovea/kernels/augment.h>

namespace fovea::data {

// What the views of a batch are made of on a device: the images' bytes, each as far as its views see it, and what was
// drawn for them. A loader that is asked for it (LoaderOptions::raw) gives this in place of views.
struct RawViews {
  // Some neighbouring images of the batch, as one worker packed them.
  struct Part {
    Tensor pixels;                            // u8
    std::vector<kernels::Augmentation> made;  // [images][views], places counted from this part's
    std::vector<float> weights;               // of the blurs
  };
  std::vector<Part> parts;
};

// Whether all the views can be drawn without an image: what RawViews needs.
bool all_planned(const Views& views);

// Draws and packs. Call add() with the images in order, which says where their views lie, then pack() once.
class RawPacker {
 public:
  explicit RawPacker(const Views& views) : views_(views) {}
  std::vector<Place> add(Source source, Rng& rng);
  RawViews::Part pack(bool pinned);

 private:
  struct Piece {  // the part of an image that is wanted
    std::shared_ptr<const Image> image;
    Rect rect;
  };
  const Views& views_;
  std::vector<Piece> pieces_;
  RawViews::Part part_;
  int64_t bytes_ = 0;
};

// The one table of a batch: all Augmentations, view after view ([views][images], so that groups are slices of it), then
// all weights, as bytes. On the device the pixels stand behind it.
struct RawTable {
  Tensor bytes;  // u8, on the CPU
  int64_t images = 0, weights_at = 0, pixels_at = 0, pixel_bytes = 0;
  std::vector<int64_t> part_at;              // of every part's pixels, behind pixels_at
  std::vector<kernels::AugmentWork> groups;  // of views of one size
};
RawTable raw_table(const RawViews& raw, const Views& views, bool pinned);

// In builds with CUDA. The groups of the batch (see Batch), normalised, from a memory that holds table and pixels.
std::vector<Tensor> make_raw_groups(const RawTable& table, const Tensor& memory, const Normalize& normalize);

}  // namespace fovea::data
