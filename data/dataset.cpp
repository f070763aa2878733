#include <fovea/data/dataset.h>

#include <algorithm>
#include <charconv>
#include <numeric>

#include <fovea/core/check.h>
#include <fovea/data/sets/cifar.h>
#include <fovea/data/sets/fashion_mnist.h>
#include <fovea/data/sets/image_folder.h>
#include <fovea/data/sets/memory_dataset.h>
#include <fovea/data/sets/synthetic.h>

namespace fovea::data {

namespace {

class Subset : public Dataset {
 public:
  Subset(DatasetPtr dataset, std::vector<int64_t> indices)
      : dataset_(std::move(dataset)), indices_(std::move(indices)) {
    for (int64_t i : indices_)
      check(i >= 0 && i < dataset_->size(), "subset: want indices in [0, {}), got {}", dataset_->size(), i);
  }
  int64_t size() const override { return int64_t(indices_.size()); }
  Source get(int64_t i) const override { return dataset_->get(at(i)); }
  int64_t label(int64_t i) const override { return dataset_->label(at(i)); }
  const std::vector<std::string>& classes() const override { return dataset_->classes(); }
  int image_size() const override { return dataset_->image_size(); }

 private:
  int64_t at(int64_t i) const {
    check(i >= 0 && i < size(), "dataset: want an index in [0, {}), got {}", size(), i);
    return indices_[size_t(i)];
  }
  DatasetPtr dataset_;
  std::vector<int64_t> indices_;
};

const std::string& folder_of(const char* name, const std::optional<std::string>& where) {
  check(where && !where->empty(), "{}: want a folder, as in {}:DIR", name, name);
  return *where;
}

Split drawn(const std::optional<std::string>& where) {
  int64_t n = 10000;
  if (where) {
    auto [end, error] = std::from_chars(where->data(), where->data() + where->size(), n);
    check(error == std::errc() && end == where->data() + where->size() && n > 0,
          "synthetic: want a positive number of images, got \"{}\"", *where);
  }
  return {synthetic(n, {.seed = 0}), synthetic(std::max<int64_t>(1, n / 5), {.seed = 1})};
}

}  // namespace

DatasetPtr subset(DatasetPtr dataset, std::vector<int64_t> indices) {
  return std::make_shared<Subset>(std::move(dataset), std::move(indices));
}

DatasetPtr first(DatasetPtr dataset, int64_t n) {
  check(n >= 0, "first: want a count of at least 0, got {}", n);
  if (n >= dataset->size()) return dataset;
  std::vector<int64_t> indices(static_cast<size_t>(n));
  std::iota(indices.begin(), indices.end(), 0);
  return subset(std::move(dataset), std::move(indices));
}

MemoryDataset::MemoryDataset(std::vector<uint8_t> pixels, int width, int height, Layout layout,
                             std::vector<uint8_t> labels, std::vector<std::string> classes, const std::string& name)
    : pixels_(std::move(pixels)),
      labels_(std::move(labels)),
      classes_(std::move(classes)),
      width_(width),
      height_(height),
      layout_(layout),
      stride_(size_t(width) * height * (layout == Layout::gray ? 1 : 3)) {
  check(pixels_.size() == labels_.size() * stride_, "{}: want as many images as labels, got {} and {}", name,
        pixels_.size() / stride_, labels_.size());
  for (size_t i = 0; i < labels_.size(); ++i)
    check(labels_[i] < classes_.size(), "{}: want labels below {}, got {} for image {}", name, classes_.size(),
          labels_[i], i);
}

Source MemoryDataset::get(int64_t i) const {
  check(i >= 0 && i < size(), "dataset: want an index in [0, {}), got {}", size(), i);
  const uint8_t* from = pixels_.data() + size_t(i) * stride_;
  const size_t n = size_t(width_) * height_, plane = layout_ == Layout::gray ? 0 : n;
  Image image(width_, height_);
  for (size_t p = 0; p < n; ++p)
    for (size_t c = 0; c < 3; ++c) image.data()[3 * p + c] = from[p + c * plane];
  return Source(std::move(image));
}

int64_t MemoryDataset::label(int64_t i) const {
  check(i >= 0 && i < size(), "dataset: want an index in [0, {}), got {}", size(), i);
  return labels_[size_t(i)];
}

const Choices<Split (*)(const std::optional<std::string>& where)>& datasets() {
  static const Choices<Split (*)(const std::optional<std::string>&)> all = {
      {"fashion-mnist", "Fashion-MNIST (Xiao et al., 2017): 70,000 gray images of clothes, 28 x 28, 10 classes",
       [](const auto& where) { return fashion_mnist(where.value_or("").empty() ? kFashionMnistDir : *where); },
       "fashion-mnist[:DIR]"},
      {"cifar10", "CIFAR-10 (Krizhevsky, 2009): 60,000 photographs, 32 x 32, 10 classes; DIR has the binary version",
       [](const auto& where) { return cifar10(folder_of("cifar10", where)); }, "cifar10:DIR"},
      {"cifar100", "CIFAR-100 (Krizhevsky, 2009): 60,000 photographs, 32 x 32, 100 classes; DIR has the binary version",
       [](const auto& where) { return cifar100(folder_of("cifar100", where)); }, "cifar100:DIR"},
      {"imagefolder", "DIR/train and DIR/val with a folder of JPEG, PNG or BMP files for each class",
       [](const auto& where) { return image_folders(folder_of("imagefolder", where)); }, "imagefolder:DIR"},
      {"synthetic", "N drawn shapes (default 10,000), 32 x 32, whose shape is the class; needs no files", drawn,
       "synthetic[:N]"}};
  return all;
}

Split open_dataset(const std::string& spec) {
  const size_t colon = spec.find(':');
  return datasets().at(spec,
                       "dataset")(colon == std::string::npos ? std::nullopt : std::optional(spec.substr(colon + 1)));
}

}  // namespace fovea::data
