#include <fovea/models/training/standard_evaluations.h>

#include <fovea/core/ops.h>
#include <fovea/models/training/report/figures.h>
#include <fovea/nn/train/monitors.h>

namespace fovea::models {

namespace {

double knn_top1(const Subject& s, const KnnOptions& options) {
  return knn_accuracy({s.bank.values.to(s.device), s.bank.labels}, {s.queries.values.to(s.device), s.queries.labels},
                      s.classes(), options);
}

ProbeResult linear_top1(const Subject& s, uint64_t seed) {
  return linear_probe(s.bank.to(s.device), s.queries.to(s.device), s.classes(), {.seed = seed});
}

// Its best epoch is told of the finished run alone.
Findings linear(const Subject& s, uint64_t seed) {
  const ProbeResult result = linear_top1(s, seed);
  Findings out{.scores = {{"linear_top1", result.last}}};
  if (s.at.step > 0) out.scores.emplace_back("linear_best", result.best);
  return out;
}

// The share of the test images that the probe knows.
Findings online_probe(const Subject& s, OnlineProbe& probe) {
  const Features queries = s.queries.to(s.device);
  const Tensor right = probe.predict(queries.values) == queries.labels;
  return {.scores = {{"online_probe_top1", mean(right.to(Dtype::f32)).item()}}};
}

Findings rank_me(const Subject& s) {
  const int64_t n = s.bank.values.size(0), stride = (n + 1023) / 1024;
  return {.scores = {{"rank_me", nn::effective_rank(slice(s.bank.values, 0, 0, n, stride))}}};
}

// Nothing if no images are left without a label.
Findings few_labels(const Subject& s, int64_t per_class) {
  const std::vector<int64_t> labels = s.bank.labels.to_vector<int64_t>();
  std::vector<int64_t> labelled, others, counts(size_t(s.classes()), 0);
  for (size_t i = 0; i < labels.size(); ++i) {
    int64_t& count = counts[size_t(labels[i])];
    (count++ < per_class ? labelled : others).push_back(int64_t(i));
  }
  if (others.empty()) return {};
  std::vector<int64_t> asked;
  for (size_t i = 0, stride = (others.size() + 1999) / 2000; i < others.size(); i += stride) asked.push_back(others[i]);
  auto rows = [&](const std::vector<int64_t>& which) {
    const Tensor index = Tensor::from<int64_t>({int64_t(which.size())}, which);
    std::vector<int64_t> their;
    for (int64_t i : which) their.push_back(labels[size_t(i)]);
    return Features{gather_rows(s.bank.values, index).to(s.device),
                    Tensor::from<int64_t>({int64_t(which.size())}, their)};
  };
  return {.scores = {{"few_labels_top1", knn_accuracy(rows(labelled), rows(asked), s.classes(), {.k = 10})}}};
}

// The same accuracies for what any features have to beat.
Findings raw_pixels(const Subject& s, const KnnOptions& knn, uint64_t seed, int workers) {
  const data::Views views = data::test_views(s.split.train->image_size());
  const ExtractOptions how{.workers = workers, .device = s.device};
  Subject raw = s;
  raw.bank = pixels(s.split.train, views, how), raw.queries = pixels(s.split.test, views, how);
  return {
      .scores = {{"baseline_pixels_knn", knn_top1(raw, knn)}, {"baseline_pixels_linear", linear_top1(raw, seed).last}}};
}

}  // namespace

std::vector<Evaluation> standard_evaluations(const FitOptions& options, OnlineProbe* probe, const KnnOptions& knn) {
  const uint64_t seed = uint64_t(options.seed);
  const int workers = options.workers, labels = options.few_labels;
  std::vector<Evaluation> out = {
      {"k-NN",
       {.before = true, .epochs = true},
       [knn](const Subject& s) {
         return Findings{.scores = {{"knn_top1", knn_top1(s, knn)}}};
       }},
      {"linear probe", {.before = true, .after = true}, [seed](const Subject& s) { return linear(s, seed); }}};
  if (probe)
    out.push_back({"online probe", {.epochs = true}, [probe](const Subject& s) { return online_probe(s, *probe); }});
  out.push_back({"RankMe", {.before = true, .epochs = true}, rank_me});
  if (labels > 0)
    out.push_back(
        {"few labels", {.before = true, .epochs = true}, [labels](const Subject& s) { return few_labels(s, labels); }});
  out.push_back({"raw pixels", {.after = true}, [=](const Subject& s) { return raw_pixels(s, knn, seed, workers); }});
  out.push_back({"map", {.after = true}, [](const Subject& s) { return Findings{.figures = map_of_features(s)}; }});
  out.push_back({"neighbours", {.after = true}, [](const Subject& s) { return Findings{.figures = {neighbours(s)}}; }});
  return out;
}

}  // namespace fovea::models
