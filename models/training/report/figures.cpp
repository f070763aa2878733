#include <fovea/models/training/report/figures.h>

#include <algorithm>

#include <fmt/format.h>

#include <fovea/core/ops.h>
#include <fovea/models/eval/knn.h>
#include <fovea/models/eval/pca.h>
#include <fovea/models/training/progress.h>

namespace fovea::models {

namespace {

constexpr int64_t kViewGroups = 12, kQueries = 8, kNeighbours = 8, kMapPoints = 3000;
constexpr int kThumbnail = 96;  // pixels of the longer side, at most

data::Image thumbnail(const data::Image& image) {
  int side = std::max(image.width(), image.height());
  if (side <= kThumbnail) return image;
  return data::resize(image, std::max(1, image.width() * kThumbnail / side),
                      std::max(1, image.height() * kThumbnail / side));
}

data::Image picture(const data::Dataset& dataset, int64_t i) {
  return thumbnail(*dataset.get(i).image());
}

}  // namespace

Section first_views(const data::Loader& loader, const data::Batch& batch) {
  Pictures out;
  const std::vector<int64_t> images = batch.index.to_vector<int64_t>();
  for (int64_t i = 0; i < std::min(kViewGroups, batch.size()); ++i) {
    const int64_t index = images[size_t(i)];
    std::vector<Picture>& row = out.rows.emplace_back();
    row.push_back({.image = picture(loader.dataset(), index), .alt = "image", .framed = true});
    for (const data::Image& view : loader.views_of(index, 0)) row.push_back({.image = thumbnail(view), .alt = "view"});
  }
  return {
      "What the network saw",
      "From the run's first batch. Framed the image itself, beside it the views that the network was given instead.",
      std::move(out)};
}

std::vector<Section> map_of_features(const Subject& subject) {
  const Features& queries = subject.queries;
  const int64_t n = queries.values.size(0), stride = (n + kMapPoints - 1) / kMapPoints;
  if (n < 2 || queries.values.size(1) < 2) return {};
  Tensor drawn = slice(queries.values, 0, 0, n, stride);
  const Pca components = pca(drawn, 2);
  Tensor xy = components(drawn);
  Scatter points;
  points.class_names = subject.split.test->classes();
  points.xy = xy.to_vector<float>();
  points.classes = slice(queries.labels, 0, 0, n, stride).to_vector<int64_t>();
  points.x_label = fmt::format("first component, {:.0f} % of the variance", 100 * components.explained[0]);
  points.y_label = fmt::format("second component, {:.0f} %", 100 * components.explained[1]);
  std::string note = fmt::format(
      "{} test images along the two directions in which their features vary most (PCA). Point at a class to see it "
      "alone.",
      with_commas(int64_t(points.classes.size())));
  return {{"Map of the features", std::move(note), std::move(points)}};
}

Section neighbours(const Subject& subject) {
  const data::Split& split = subject.split;
  const std::vector<std::string>& names = split.test->classes();
  const Neighbours found = nearest(subject.bank.values, subject.queries.values, kNeighbours);
  const int64_t* index = found.index.data<int64_t>();
  const float* similarity = found.similarity.data<float>();
  const int64_t *labels = subject.queries.labels.data<int64_t>(), *bank_labels = subject.bank.labels.data<int64_t>();
  int64_t n = found.index.size(0), k = found.index.size(1), same = 0;

  Pictures out{.rows = {}, .lines = true};
  std::vector<bool> seen(names.size());
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j < k; ++j) same += bank_labels[index[i * k + j]] == labels[i];
    if (int64_t(out.rows.size()) == kQueries || seen[size_t(labels[i])]) continue;
    seen[size_t(labels[i])] = true;
    const std::string& name = names[size_t(labels[i])];
    std::vector<Picture>& row = out.rows.emplace_back();
    row.push_back({.image = picture(*split.test, i), .alt = name, .caption = name, .framed = true});
    for (int64_t j = 0; j < k; ++j) {
      const int64_t at = index[i * k + j];
      const std::string& other = names[size_t(bank_labels[at])];
      const bool wrong = bank_labels[at] != labels[i];
      row.push_back({.image = picture(*split.train, at),
                     .alt = other,
                     .caption = wrong ? other : "",
                     .tip = fmt::format("cosine similarity {:.3f}", similarity[i * k + j]),
                     .wrong = wrong});
    }
  }
  return {
      "Nearest neighbours",
      fmt::format("Left a test image, then the {} training images most similar to it. Outlined: another class. Over "
                  "all test images {:.1f} % of these neighbours share the class.",
                  k, 100 * double(same) / double(n * k)),
      std::move(out)};
}

}  // namespace fovea::models
