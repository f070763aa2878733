#include <sys/resource.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include <fovea/core/allocator.h>
#include <fovea/core/check.h>
#include <fovea/core/ops.h>
#include <fovea/kernels/context.h>
#include <fovea/nn/io/torch_state.h>

#include "common/collapse.h"
#include "common/folder.h"
#include "common/page.h"
#include "common/progress.h"
#include "common/run.h"

namespace fovea::examples {

namespace fs = std::filesystem;

namespace {

constexpr int64_t kViewGroups = 12, kQueries = 8, kNeighbours = 8, kMapPoints = 3000;
constexpr int kThumbnail = 96;  // pixels of the longer side, at most

// The most that the device held, on the CPU the whole process.
double peak_memory_mb(Device device) {
  if (device.is_cuda()) return double(allocator(device).stats().peak) / (1 << 20);
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return double(usage.ru_maxrss) / 1024;
}

data::Image thumbnail(const data::Image& image) {
  int side = std::max(image.width(), image.height());
  if (side <= kThumbnail) return image;
  return data::resize(image, std::max(1, image.width() * kThumbnail / side),
                      std::max(1, image.height() * kThumbnail / side));
}

data::Image picture(const data::Dataset& dataset, int64_t i) {
  return thumbnail(*dataset.get(i).image());
}

// All accuracies of a run, as printed and as reported. Negative: not measured.
struct Accuracies {
  double pixels_knn = -1, pixels_linear = -1, random_knn = -1, random_linear = -1;
  double knn = -1, knn_best = -1, linear = -1, linear_best = -1;
  double best_epoch = 0;
};

Accuracies measure(Evaluator& evaluator, const Journal& journal) {
  Accuracies out;
  Evaluator::Pixels pixels = evaluator.pixels();
  out.pixels_knn = pixels.knn, out.pixels_linear = pixels.linear.last;
  out.random_knn = journal.at(0, "knn_top1").value_or(-1);
  out.random_linear = journal.at(0, "linear_top1").value_or(-1);
  models::ProbeResult linear = evaluator.linear();
  out.knn = out.knn_best = evaluator.knn(), out.linear = linear.last, out.linear_best = linear.best;
  auto [epochs, accuracies] = journal.series("epoch", "knn_top1");
  if (!epochs.empty()) out.best_epoch = epochs.back();
  for (size_t i = 0; i < epochs.size(); ++i)
    if (epochs[i] > 0 && accuracies[i] > out.knn_best) out.knn_best = accuracies[i], out.best_epoch = epochs[i];
  return out;
}

std::vector<Score> scores(const Options& options, const Accuracies& a) {
  return {{"raw pixels", a.pixels_knn, a.pixels_linear},
          {"network before training", a.random_knn, a.random_linear},
          {options.title + ", last", a.knn, a.linear, true},
          {options.title + ", best", a.knn_best, a.linear_best, true}};
}

std::string protocol(const Evaluator& evaluator) {
  const auto& knn = evaluator.knn_options();
  const auto& probe = evaluator.probe_options();
  int64_t bank = evaluator.bank().values.size(0);
  return fmt::format(
      "k-NN: k = {}, T = {}, cosine, against the {} training images. Linear probe: on features extracted once without "
      "augmentation, SGD at {} for 256 images, {} epochs. Both on {} test images. "
      "Best: over the run's evaluations (k-NN) and over the probe's epochs (linear).",
      std::min(knn.k, bank), knn.temperature, with_commas(bank), probe.lr, probe.epochs,
      with_commas(evaluator.queries().values.size(0)));
}

void print_table(const std::vector<Score>& rows) {
  double knn = -1, linear = -1;
  for (const Score& row : rows)
    if (!row.ours) knn = std::max(knn, row.knn), linear = std::max(linear, row.linear);
  auto cell = [](const Score& row, double value, double baseline) {
    if (value < 0) return std::string("-");
    return row.ours && baseline >= 0 ? fmt::format("{:.4f} ({:+.4f})", value, value - baseline)
                                     : fmt::format("{:.4f}", value);
  };
  fmt::print("\n{:<28}{:<20}{}\n", "features", "k-NN top-1", "linear top-1");
  for (const Score& row : rows)
    fmt::print("{:<28}{:<20}{}\n", row.name, cell(row, row.knn, knn), cell(row, row.linear, linear));
  fmt::print("In brackets: above the better baseline.\n\n");
}

std::string headline(const Accuracies& a, const Evaluator& evaluator, bool labelled) {
  auto against = [](double points) -> std::string {
    if (std::abs(points) < 0.05) return "as much as";
    return fmt::format("{:.1f} points {}", std::abs(points), points >= 0 ? "above" : "below");
  };
  std::string out = fmt::format(
      "Trained on {} images {} their labels, the network's features give {:.1f} % k-NN accuracy over {} classes",
      with_commas(evaluator.split().train->size()), labelled ? "with" : "without", 100 * a.knn, evaluator.classes());
  out += fmt::format(": {} raw pixels", against(100 * (a.knn - a.pixels_knn)));
  if (a.random_knn >= 0)
    out += fmt::format(" and {} the same network before training", against(100 * (a.knn - a.random_knn)));
  return out + ".";
}

std::vector<Chart> charts(const Journal& journal, const Accuracies& a) {
  auto curve = [&](const std::string& name, const std::string& key, bool dots = false) {
    auto [x, y] = journal.series("epoch", key);
    return Curve{name, x, y, dots};
  };
  std::vector<Chart> out;
  out.push_back({.title = "Loss", .note = "on the training batches", .curves = {curve("", "loss")}});
  if (auto [epochs, chance] = journal.series("epoch", "chance_loss"); !chance.empty())
    out.back().references.push_back({"chance", chance.back()});
  out.push_back({.title = "k-NN accuracy",
                 .note = "percent of the test images",
                 .curves = {curve("", "knn_top1", true)},
                 .references = {{"raw pixels", a.pixels_knn}},
                 .decimals = 1,
                 .scale = 100});
  out.push_back({.title = "Spread of the embeddings",
                 .note = "0 would be collapse",
                 .curves = {curve("", "std")},
                 .decimals = 4,
                 .from_zero = true});
  auto [epochs, dimensions] = journal.series("epoch", "dimensions");
  if (!dimensions.empty()) out.back().references.push_back({"1/sqrt(D)", 1 / std::sqrt(dimensions.back())});
  out.push_back({.title = "Effective rank",
                 .note = dimensions.empty() ? "" : fmt::format("of {:.0f} dimensions", dimensions.back()),
                 .curves = {curve("", "effective_rank")},
                 .decimals = 1,
                 .from_zero = true});
  out.push_back({.title = "Cosine similarities",
                 .note = "of views of the same and of other images",
                 .curves = {curve("same", "positive_similarity"), curve("other", "negative_similarity")},
                 .decimals = 2});
  // What not every run has.
  auto optional = [&](Chart chart) {
    std::erase_if(chart.curves, [](const Curve& c) { return c.x.empty(); });
    if (!chart.curves.empty()) out.push_back(std::move(chart));
  };
  auto [prototype_epochs, prototypes] = journal.series("epoch", "prototypes");
  optional({.title = "Entropy of the assignments",
            .note = prototypes.empty() ? "" : fmt::format("at most log {:.0f}", prototypes.back()),
            .curves = {curve("of their mean", "assignment_entropy"), curve("of one", "sample_entropy")},
            .references = prototypes.empty() ? std::vector<Reference>()
                                             : std::vector<Reference>{{"all alike", std::log(prototypes.back())}},
            .decimals = 2,
            .from_zero = true});
  optional({.title = "Online probe",
            .note = "a linear classifier trained beside, percent",
            .curves = {curve("training views", "online_probe"), curve("test images", "online_probe_top1", true)},
            .decimals = 1,
            .scale = 100});
  optional({.title = "RankMe",
            .note = "effective rank of the features, no labels",
            .curves = {curve("", "rank_me", true)},
            .decimals = 1,
            .from_zero = true});
  optional({.title = "k-NN with few labels",
            .note = "percent; chooses the epoch that is kept",
            .curves = {curve("", "few_labels_top1", true)},
            .decimals = 1,
            .scale = 100});
  out.push_back({.title = "Learning rate", .curves = {curve("", "lr")}, .decimals = 4, .from_zero = true});
  out.push_back({.title = "Speed",
                 .note = "images a second",
                 .curves = {curve("", "images_per_second")},
                 .decimals = 0,
                 .from_zero = true});
  out.push_back({.title = "Time of a step",
                 .note = "milliseconds",
                 .curves = {curve("compute", "compute_ms"), curve("data", "data_ms")},
                 .decimals = 0,
                 .from_zero = true});
  return out;
}

// The first images of the run's first batch. The loader is left at the start.
std::vector<ViewGroup> first_views(data::Loader& loader) {
  loader.seek(0, 0);
  auto batch = loader.next();
  std::vector<ViewGroup> out;
  for (int64_t i = 0; batch && i < std::min(kViewGroups, batch->size()); ++i) {
    const int64_t index = batch->index.data<int64_t>()[i];
    ViewGroup group;
    group.original = picture(loader.dataset(), index);
    for (const data::Image& view : loader.views_of(index, 0)) group.views.push_back(thumbnail(view));
    out.push_back(std::move(group));
  }
  loader.seek(0, 0);
  return out;
}

Scatter map(const Evaluator& evaluator) {
  const models::Features& queries = evaluator.queries();
  int64_t n = queries.values.size(0), stride = (n + kMapPoints - 1) / kMapPoints;
  Tensor drawn = slice(queries.values, 0, 0, n, stride);
  models::Pca pca = models::pca(drawn, 2);
  Tensor xy = pca(drawn);
  Scatter out;
  out.class_names = evaluator.split().test->classes();
  out.xy = xy.to_vector<float>();
  out.classes = slice(queries.labels, 0, 0, n, stride).to_vector<int64_t>();
  out.x_label = fmt::format("first component, {:.0f} % of the variance", 100 * pca.explained[0]);
  out.y_label = fmt::format("second component, {:.0f} %", 100 * pca.explained[1]);
  return out;
}

// The first test image of each class (of the first kQueries classes that have one) with its nearest training images.
std::vector<NeighbourRow> neighbours(const Evaluator& evaluator, std::string& note) {
  const data::Split& split = evaluator.split();
  const std::vector<std::string>& names = split.test->classes();
  models::Neighbours nearest = models::nearest(evaluator.bank().values, evaluator.queries().values, kNeighbours);
  const int64_t* index = nearest.index.data<int64_t>();
  const float* similarity = nearest.similarity.data<float>();
  const int64_t *labels = evaluator.queries().labels.data<int64_t>(),
                *bank_labels = evaluator.bank().labels.data<int64_t>();
  int64_t n = nearest.index.size(0), k = nearest.index.size(1), same = 0;

  std::vector<NeighbourRow> out;
  std::vector<bool> seen(names.size());
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j < k; ++j) same += bank_labels[index[i * k + j]] == labels[i];
    if (int64_t(out.size()) == kQueries || seen[size_t(labels[i])]) continue;
    seen[size_t(labels[i])] = true;
    NeighbourRow row{picture(*split.test, i), names[size_t(labels[i])], {}};
    for (int64_t j = 0; j < k; ++j) {
      int64_t at = index[i * k + j];
      row.neighbours.push_back({picture(*split.train, at), names[size_t(bank_labels[at])], similarity[i * k + j],
                                bank_labels[at] == labels[i]});
    }
    out.push_back(std::move(row));
  }
  note = fmt::format(
      "Left a test image, then the {} training images most similar to it. Outlined: another class. Over all test "
      "images {:.1f} % of these neighbours share the class.",
      k, 100 * double(same) / double(n * k));
  return out;
}

}  // namespace

void report(const Options& options, data::Loader& loader, nn::Module& backbone, Evaluator& evaluator) {
  const fs::path folder = options.out;
  Journal journal(folder / kMetricsFile);
  nn::save_weights(folder / kBackboneFile, backbone,
                   {{"method", options.method}, {"data", options.data}, {"version", kVersion}});
  if (!evaluator.bank().values.defined()) evaluator.extract();
  Accuracies a = measure(evaluator, journal);
  std::vector<Score> rows = scores(options, a);
  print_table(rows);

  auto [last_steps, seconds] = journal.series("step", "train_seconds");
  double steps = last_steps.empty() ? 0 : last_steps.back(), trained = seconds.empty() ? 0 : seconds.back();
  double speed = trained > 0 ? steps * options.batch / trained : 0, epochs = steps / double(loader.steps());
  auto number = [](const std::string& name, double value) { return SummaryField{name, value, {}}; };
  auto accuracy = [&](const std::string& name, double value) {
    return value < 0 ? SummaryField{name, {}, {}} : number(name, value);
  };
  auto last = [&](const std::string& name) {
    auto values = journal.series("step", name).second;
    return values.empty() ? SummaryField{name, {}, {}} : number(name, values.back());
  };
  // The test accuracy of the epoch that a criterion chooses.
  auto at_best = [&](const std::string& criterion, const std::string& name) {
    double best = -1;
    std::optional<double> knn;
    for (const Record& record : journal.records())
      if (auto value = find(record, criterion); value && *find(record, "step") > 0 && *value > best)
        best = *value, knn = find(record, "knn_top1");
    return SummaryField{name, knn, {}};
  };
  write_file(folder / kSummaryFile,
             json({{"method", {}, options.method},
                   {"title", {}, options.title},
                   {"data", {}, options.data},
                   number("train_images", double(evaluator.split().train->size())),
                   number("test_images", double(evaluator.split().test->size())),
                   number("epochs", epochs),
                   number("steps", steps),
                   number("train_seconds", trained),
                   number("images_per_second", speed),
                   number("peak_memory_mb", std::round(peak_memory_mb(options.device))),
                   number("knn_k", double(std::min(evaluator.knn_options().k, evaluator.bank().values.size(0)))),
                   number("knn_temperature", evaluator.knn_options().temperature),
                   accuracy("knn_top1", a.knn),
                   accuracy("knn_best", a.knn_best),
                   number("knn_best_epoch", a.best_epoch),
                   at_best("few_labels_top1", "knn_at_few_labels"),
                   at_best("rank_me", "knn_at_rank_me"),
                   last("std"),
                   last("effective_rank"),
                   last("rank_me"),
                   last("online_probe_top1"),
                   accuracy("linear_top1", a.linear),
                   accuracy("linear_best", a.linear_best),
                   accuracy("baseline_pixels_knn", a.pixels_knn),
                   accuracy("baseline_pixels_linear", a.pixels_linear),
                   accuracy("baseline_random_knn", a.random_knn),
                   accuracy("baseline_random_linear", a.random_linear),
                   number("parameters", double(backbone.parameter_count())),
                   number("threads", kernels::threads()),
                   number("seed", options.seed),
                   {"version", {}, kVersion}}));

  Page page;
  CollapseAlarm alarm;
  for (const Record& record : journal.records())
    if (auto warning = alarm.observe(record)) page.warning = *warning;
  page.method = options.title, page.paper = options.paper, page.data = options.data.substr(0, options.data.find(':'));
  page.headline = headline(a, evaluator, options.labelled);
  page.facts = {
      {"network", fmt::format("{}, width {}, {} parameters", backbone.describe(), options.width,
                              with_commas(backbone.parameter_count()))},
      {"training", fmt::format("{:.4g} epochs, {} steps of {} images, {}", epochs, with_commas(int64_t(steps)),
                               options.batch, duration(trained))},
      {"speed", fmt::format("{} images/s on {} thread{}{}", with_commas(int64_t(std::llround(speed))),
                            kernels::threads(), kernels::threads() == 1 ? "" : "s", options.bf16 ? ", bf16" : "")},
      {"memory", fmt::format("{} MB", with_commas(int64_t(peak_memory_mb(options.device))))}};
  page.scores = rows, page.protocol = protocol(evaluator) + " The small numbers are points above the better baseline.";
  page.charts = charts(journal, a);
  page.views = first_views(loader);
  page.views_note =
      "From the run's first batch. Framed the image itself, beside it the views that the network was given instead.";
  if (evaluator.queries().values.size(0) >= 2 && evaluator.queries().values.size(1) >= 2) {
    page.map = map(evaluator);
    page.map_note = fmt::format(
        "{} test images along the two directions in which their features vary most (PCA). Point at a class to see it "
        "alone.",
        with_commas(int64_t(page.map.classes.size())));
  }
  page.neighbours = neighbours(evaluator, page.neighbours_note);
  for (const Options::Value& value : options.values) page.options.emplace_back(value.flag, value.text);
  write_file(folder / kReportFile, html(page));
  fmt::print("{}\n", (folder / kReportFile).string());
}

}  // namespace fovea::examples
