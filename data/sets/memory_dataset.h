#pragma once

#include <string>
#include <vector>

#include <fovea/data/dataset.h>

// Private: small images kept in memory as their files hold them.
namespace fovea::data {

class MemoryDataset : public Dataset {
 public:
  enum class Layout { gray, planar_rgb };
  // `name` is what errors call it. Throws Error unless there are as many images as labels, all below classes.size().
  MemoryDataset(std::vector<uint8_t> pixels, int width, int height, Layout layout, std::vector<uint8_t> labels,
                std::vector<std::string> classes, const std::string& name);
  int64_t size() const override { return int64_t(labels_.size()); }
  Source get(int64_t i) const override;
  int64_t label(int64_t i) const override;
  const std::vector<std::string>& classes() const override { return classes_; }
  int image_size() const override { return width_; }

 private:
  std::vector<uint8_t> pixels_, labels_;
  std::vector<std::string> classes_;
  int width_, height_;
  Layout layout_;
  size_t stride_;
};

}  // namespace fovea::data
