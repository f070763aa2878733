#include <fovea/models/training/report/report.h>

#include <sys/resource.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include <fovea/config.h>
#include <fovea/core/allocator.h>
#include <fovea/core/check.h>
#include <fovea/core/ops.h>
#include <fovea/data/image/uploader.h>
#include <fovea/kernels/context.h>
#include <fovea/models/eval/pca.h>
#include <fovea/models/training/alarm.h>
#include <fovea/models/training/folder.h>
#include <fovea/models/training/journal.h>
#include <fovea/models/training/progress.h>
#include <fovea/models/training/report/html.h>
#include <fovea/nn/io/torch_state.h>

namespace fovea::models {

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
  ProbeResult linear = evaluator.linear();
  out.knn = out.knn_best = evaluator.knn(), out.linear = linear.last, out.linear_best = linear.best;
  auto [epochs, accuracies] = journal.series("epoch", "knn_top1");
  if (!epochs.empty()) out.best_epoch = epochs.back();
  for (size_t i = 0; i < epochs.size(); ++i)
    if (epochs[i] > 0 && accuracies[i] > out.knn_best) out.knn_best = accuracies[i], out.best_epoch = epochs[i];
  return out;
}

Table accuracies_table(const FitOptions& options, const Accuracies& a) {
  return {{"k-NN top-1", "Linear probe top-1"},
          "Features",
          {{"raw pixels", {a.pixels_knn, a.pixels_linear}},
           {"network before training", {a.random_knn, a.random_linear}},
           {options.title + ", last", {a.knn, a.linear}, true},
           {options.title + ", best", {a.knn_best, a.linear_best}, true}}};
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

void print_table(const Table& table) {
  double best[2] = {-1, -1};  // the better baseline of each column
  for (const Table::Row& row : table.rows)
    for (size_t c = 0; c < 2; ++c)
      if (!row.ours) best[c] = std::max(best[c], row.values[c]);
  auto cell = [&](const Table::Row& row, size_t c) {
    const double value = row.values[c];
    if (value < 0) return std::string("-");
    return row.ours && best[c] >= 0 ? fmt::format("{:.4f} ({:+.4f})", value, value - best[c])
                                    : fmt::format("{:.4f}", value);
  };
  fmt::print("\n{:<28}{:<20}{}\n", "features", "k-NN top-1", "linear top-1");
  for (const Table::Row& row : table.rows) fmt::print("{:<28}{:<20}{}\n", row.name, cell(row, 0), cell(row, 1));
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

Charts charts(const Journal& journal, const Accuracies& a) {
  auto curve = [&](const std::string& name, const std::string& key, bool dots = false) {
    auto [x, y] = journal.series("epoch", key);
    return Curve{name, x, y, dots};
  };
  Charts out;
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

// The first images of a batch beside the views that the loader makes of them in its first epoch.
Pictures first_views(const data::Loader& loader, const data::Batch& batch) {
  Pictures out;
  const std::vector<int64_t> images = batch.index.to_vector<int64_t>();
  for (int64_t i = 0; i < std::min(kViewGroups, batch.size()); ++i) {
    const int64_t index = images[size_t(i)];
    std::vector<Picture>& row = out.rows.emplace_back();
    row.push_back({.image = picture(loader.dataset(), index), .alt = "image", .framed = true});
    for (const data::Image& view : loader.views_of(index, 0)) row.push_back({.image = thumbnail(view), .alt = "view"});
  }
  return out;
}

Scatter map(const Evaluator& evaluator) {
  const Features& queries = evaluator.queries();
  int64_t n = queries.values.size(0), stride = (n + kMapPoints - 1) / kMapPoints;
  Tensor drawn = slice(queries.values, 0, 0, n, stride);
  const Pca components = pca(drawn, 2);
  Tensor xy = components(drawn);
  Scatter out;
  out.class_names = evaluator.split().test->classes();
  out.xy = xy.to_vector<float>();
  out.classes = slice(queries.labels, 0, 0, n, stride).to_vector<int64_t>();
  out.x_label = fmt::format("first component, {:.0f} % of the variance", 100 * components.explained[0]);
  out.y_label = fmt::format("second component, {:.0f} %", 100 * components.explained[1]);
  return out;
}

// The first test image of each class (of the first kQueries classes that have one) with its nearest training images.
Section neighbours(const Evaluator& evaluator) {
  const data::Split& split = evaluator.split();
  const std::vector<std::string>& names = split.test->classes();
  const Neighbours found = nearest(evaluator.bank().values, evaluator.queries().values, kNeighbours);
  const int64_t* index = found.index.data<int64_t>();
  const float* similarity = found.similarity.data<float>();
  const int64_t *labels = evaluator.queries().labels.data<int64_t>(),
                *bank_labels = evaluator.bank().labels.data<int64_t>();
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

// What a run took.
struct Effort {
  double steps = 0, seconds = 0, images_per_second = 0, epochs = 0;
};

Effort effort(const FitOptions& options, const Journal& journal, int64_t steps_per_epoch) {
  auto [steps, seconds] = journal.series("step", "train_seconds");
  Effort out;
  if (steps.empty()) return out;
  out.steps = steps.back(), out.seconds = seconds.back();
  if (out.seconds > 0) out.images_per_second = out.steps * options.batch / out.seconds;
  out.epochs = out.steps / double(steps_per_epoch);
  return out;
}

std::string summary(const FitOptions& options, const Journal& journal, const Accuracies& a, const Effort& effort,
                    const data::Loader& loader, const Evaluator* evaluator, int64_t parameters) {
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
  std::vector<SummaryField> fields = {{"method", {}, options.method},
                                      {"title", {}, options.title},
                                      {"data", {}, options.data},
                                      number("train_images", double(loader.dataset().size()))};
  if (evaluator) fields.push_back(number("test_images", double(evaluator->split().test->size())));
  fields.insert(fields.end(),
                {number("epochs", effort.epochs), number("steps", effort.steps),
                 number("train_seconds", effort.seconds), number("images_per_second", effort.images_per_second),
                 number("peak_memory_mb", std::round(peak_memory_mb(options.device)))});
  if (evaluator)
    fields.insert(fields.end(),
                  {number("knn_k", double(std::min(evaluator->knn_options().k, evaluator->bank().values.size(0)))),
                   number("knn_temperature", evaluator->knn_options().temperature), accuracy("knn_top1", a.knn),
                   accuracy("knn_best", a.knn_best), number("knn_best_epoch", a.best_epoch),
                   at_best("few_labels_top1", "knn_at_few_labels"), at_best("rank_me", "knn_at_rank_me")});
  for (const char* name : {"std", "effective_rank", "rank_me", "online_probe_top1"}) fields.push_back(last(name));
  if (evaluator)
    fields.insert(fields.end(),
                  {accuracy("linear_top1", a.linear), accuracy("linear_best", a.linear_best),
                   accuracy("baseline_pixels_knn", a.pixels_knn), accuracy("baseline_pixels_linear", a.pixels_linear),
                   accuracy("baseline_random_knn", a.random_knn), accuracy("baseline_random_linear", a.random_linear)});
  fields.insert(fields.end(), {number("parameters", double(parameters)), number("threads", kernels::threads()),
                               number("seed", options.seed), SummaryField{"version", {}, kVersion}});
  return json(fields);
}

// The page without what was measured on frozen features.
Page page_of(const FitOptions& options, const Journal& journal, const Effort& effort, const std::string& network) {
  Page page{.title = options.title,
            .source = options.paper,
            .data = options.data.substr(0, options.data.find(':')),
            .headline = "",
            .facts = {},
            .sections = {}};
  CollapseAlarm alarm;
  for (const Record& record : journal.records())
    if (auto warning = alarm.observe(record)) page.warning = *warning;
  page.facts = {{"network", network},
                {"training", fmt::format("{:.4g} epochs, {} steps of {} images, {}", effort.epochs,
                                         with_commas(int64_t(effort.steps)), options.batch, duration(effort.seconds))},
                {"speed", fmt::format("{} images/s on {} thread{}{}",
                                      with_commas(int64_t(std::llround(effort.images_per_second))), kernels::threads(),
                                      kernels::threads() == 1 ? "" : "s", options.bf16 ? ", bf16" : "")},
                {"memory", fmt::format("{} MB", with_commas(int64_t(peak_memory_mb(options.device))))}};
  return page;
}

Section map_section(const Evaluator& evaluator) {
  Scatter points = map(evaluator);
  std::string note = fmt::format(
      "{} test images along the two directions in which their features vary most (PCA). Point at a class to see it "
      "alone.",
      with_commas(int64_t(points.classes.size())));
  return {"Map of the features", std::move(note), std::move(points)};
}

}  // namespace

void report(const FitOptions& options, Method& method, data::Loader& loader, Evaluator* evaluator) {
  const std::filesystem::path folder = options.out;
  Journal journal(folder / kMetricsFile);
  nn::Module* kept = method.kept();
  if (kept)
    nn::save_weights(folder / kBackboneFile, *kept,
                     {{"method", options.method}, {"data", options.data}, {"version", kVersion}});
  if (evaluator && !evaluator->bank().values.defined()) evaluator->extract();
  const Accuracies a = evaluator ? measure(*evaluator, journal) : Accuracies();
  const Table table = accuracies_table(options, a);
  if (evaluator) print_table(table);
  const Effort taken = effort(options, journal, loader.steps());
  nn::Module& network = kept ? *kept : method;
  write_file(folder / kSummaryFile, summary(options, journal, a, taken, loader, evaluator, network.parameter_count()));

  Page page = page_of(options, journal, taken,
                      fmt::format("{}, {} parameters", options.network.empty() ? network.describe() : options.network,
                                  with_commas(network.parameter_count())));
  if (evaluator) {
    page.headline = headline(a, *evaluator, method.labelled());
    page.sections.push_back(
        {"Accuracy", protocol(*evaluator) + " The small numbers are points above the better baseline.", table});
  }
  page.sections.push_back({"Training", "", charts(journal, a)});
  loader.seek(0, 0);
  data::Uploader batches(loader, options.device);
  if (const auto batch = batches.next()) {
    page.sections.push_back(
        {"What the network saw",
         "From the run's first batch. Framed the image itself, beside it the views that the network "
         "was given instead.",
         first_views(loader, *batch)});
    method.show(*batch, page);
  }
  loader.seek(0, 0);
  if (evaluator) {
    if (evaluator->queries().values.size(0) >= 2 && evaluator->queries().values.size(1) >= 2)
      page.sections.push_back(map_section(*evaluator));
    page.sections.push_back(neighbours(*evaluator));
  }
  Pairs settings;
  for (const FitOptions::Setting& setting : options.settings) settings.emplace_back(setting.name, setting.text);
  page.sections.push_back({"Options", "", std::move(settings)});
  write_file(folder / kReportFile, html(page));
  fmt::print("{}\n", (folder / kReportFile).string());
}

}  // namespace fovea::models
