#include <fovea/models/training/report/report.h>

#include <sys/resource.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <optional>
#include <set>

#include <fovea/config.h>
#include <fovea/core/allocator.h>
#include <fovea/core/check.h>
#include <fovea/data/image/uploader.h>
#include <fovea/kernels/context.h>
#include <fovea/models/eval/knn.h>
#include <fovea/models/eval/linear_probe.h>
#include <fovea/models/training/alarm.h>
#include <fovea/models/training/folder.h>
#include <fovea/models/training/journal.h>
#include <fovea/models/training/progress.h>
#include <fovea/models/training/report/figures.h>
#include <fovea/models/training/report/html.h>

namespace fovea::models {

namespace {

// The most that the device held, on the CPU the whole process.
double peak_memory_mb(Device device) {
  if (device.is_cuda()) return double(allocator(device).stats().peak) / (1 << 20);
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return double(usage.ru_maxrss) / 1024;
}

// The test accuracy of the epoch that a criterion chooses.
std::optional<double> knn_at_best(const Journal& journal, const std::string& criterion) {
  double best = -1;
  std::optional<double> knn;
  for (const Record& record : journal.records())
    if (auto value = find(record, criterion); value && *find(record, "step") > 0 && *value > best)
      best = *value, knn = find(record, "knn_top1");
  return knn;
}

// The scores of a finished run, and after them what the journal has to compare them with.
Record with_history(Record scores, const Journal& journal) {
  const auto knn = find(scores, "knn_top1");
  if (!knn) return scores;
  double best = *knn, best_epoch = 0;
  auto [epochs, accuracies] = journal.series("epoch", "knn_top1");
  if (!epochs.empty()) best_epoch = epochs.back();
  for (size_t i = 0; i < epochs.size(); ++i)
    if (epochs[i] > 0 && accuracies[i] > best) best = accuracies[i], best_epoch = epochs[i];
  auto add = [&](const char* name, std::optional<double> value) {
    if (value) scores.emplace_back(name, *value);
  };
  add("knn_best", best), add("knn_best_epoch", best_epoch);
  add("knn_at_few_labels", knn_at_best(journal, "few_labels_top1"));
  add("knn_at_rank_me", knn_at_best(journal, "rank_me"));
  add("baseline_random_knn", journal.at(0, "knn_top1"));
  add("baseline_random_linear", journal.at(0, "linear_top1"));
  return scores;
}

// Those that table, summary and charts have no place of their own for.
Record others(Record scores) {
  static const std::set<std::string> placed = {"knn_top1",
                                               "knn_best",
                                               "knn_best_epoch",
                                               "knn_at_few_labels",
                                               "knn_at_rank_me",
                                               "linear_top1",
                                               "linear_best",
                                               "rank_me",
                                               "online_probe_top1",
                                               "few_labels_top1",
                                               "baseline_pixels_knn",
                                               "baseline_pixels_linear",
                                               "baseline_random_knn",
                                               "baseline_random_linear"};
  std::erase_if(scores, [](const auto& score) { return placed.contains(score.first); });
  return scores;
}

Table accuracies_table(const std::string& title, const Record& scores) {
  auto values = [&](const char* knn, const char* linear) {
    return std::vector<double>{find(scores, knn).value_or(-1), find(scores, linear).value_or(-1)};
  };
  return {{"k-NN top-1", "Linear probe top-1"},
          "Features",
          {{"raw pixels", values("baseline_pixels_knn", "baseline_pixels_linear")},
           {"network before training", values("baseline_random_knn", "baseline_random_linear")},
           {title + ", last", values("knn_top1", "linear_top1"), true},
           {title + ", best", values("knn_best", "linear_best"), true}}};
}

std::string protocol(const data::Split& split) {
  const KnnOptions knn;
  const ProbeOptions probe;
  const int64_t bank = split.train->size();
  return fmt::format(
      "k-NN: k = {}, T = {}, cosine, against the {} training images. Linear probe: on features extracted once without "
      "augmentation, SGD at {} for 256 images, {} epochs. Both on {} test images. "
      "Best: over the run's evaluations (k-NN) and over the probe's epochs (linear).",
      std::min(knn.k, bank), knn.temperature, with_commas(bank), probe.lr, probe.epochs,
      with_commas(split.test->size()));
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

std::string headline(const Record& scores, const data::Split& split, bool labelled) {
  const double knn = *find(scores, "knn_top1");
  auto above = [&](const char* baseline) -> std::string {
    const double points = 100 * (knn - find(scores, baseline).value_or(-1));
    if (std::abs(points) < 0.05) return "as much as";
    return fmt::format("{:.1f} points {}", std::abs(points), points >= 0 ? "above" : "below");
  };
  std::string out = fmt::format(
      "Trained on {} images {} their labels, the network's features give {:.1f} % k-NN accuracy over {} classes",
      with_commas(split.train->size()), labelled ? "with" : "without", 100 * knn, split.train->classes().size());
  out += fmt::format(": {} raw pixels", above("baseline_pixels_knn"));
  if (find(scores, "baseline_random_knn"))
    out += fmt::format(" and {} the same network before training", above("baseline_random_knn"));
  return out + ".";
}

Charts charts(const Journal& journal, const Record& scores) {
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
                 .references = {{"raw pixels", find(scores, "baseline_pixels_knn").value_or(-1)}},
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
  for (const auto& [name, value] : others(scores)) optional({.title = name, .curves = {curve("", name, true)}});
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

std::string summary(const FitOptions& options, const Journal& journal, const Record& scores, const Effort& effort,
                    const data::Split& split, int64_t parameters) {
  const bool evaluated = find(scores, "knn_top1").has_value();
  auto number = [](const std::string& name, double value) { return SummaryField{name, value, {}}; };
  auto last = [&](const std::string& name) {
    auto values = journal.series("step", name).second;
    return values.empty() ? SummaryField{name, {}, {}} : number(name, values.back());
  };
  std::vector<SummaryField> fields = {{"method", {}, options.method},
                                      {"title", {}, options.title},
                                      {"data", {}, options.data},
                                      number("train_images", double(split.train->size()))};
  auto add_scores = [&](std::initializer_list<const char*> names) {
    if (!evaluated) return;
    for (const char* name : names) fields.push_back({name, find(scores, name), {}});
  };
  if (evaluated) fields.push_back(number("test_images", double(split.test->size())));
  fields.insert(fields.end(),
                {number("epochs", effort.epochs), number("steps", effort.steps),
                 number("train_seconds", effort.seconds), number("images_per_second", effort.images_per_second),
                 number("peak_memory_mb", std::round(peak_memory_mb(options.device)))});
  if (evaluated)
    fields.insert(fields.end(), {number("knn_k", double(std::min(KnnOptions().k, split.train->size()))),
                                 number("knn_temperature", KnnOptions().temperature)});
  add_scores({"knn_top1", "knn_best", "knn_best_epoch", "knn_at_few_labels", "knn_at_rank_me"});
  for (const char* name : {"std", "effective_rank", "rank_me", "online_probe_top1"}) fields.push_back(last(name));
  add_scores({"linear_top1", "linear_best", "baseline_pixels_knn", "baseline_pixels_linear", "baseline_random_knn",
              "baseline_random_linear"});
  for (const auto& [name, value] : others(scores)) fields.push_back(number(name, value));
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

}  // namespace

void report(const FitOptions& options, Method& method, data::Loader& loader, const data::Split& split,
            const Findings& found) {
  const std::filesystem::path folder = options.out;
  Journal journal(folder / kMetricsFile);
  nn::Module& network = method.kept() ? *method.kept() : method;
  const Record scores = with_history(found.scores, journal);
  const bool evaluated = find(scores, "knn_top1").has_value();
  const Table table = accuracies_table(options.title, scores);
  if (evaluated) print_table(table);
  const Effort taken = effort(options, journal, loader.steps());
  write_file(folder / kSummaryFile, summary(options, journal, scores, taken, split, network.parameter_count()));

  Page page = page_of(options, journal, taken,
                      fmt::format("{}, {} parameters", options.network.empty() ? network.describe() : options.network,
                                  with_commas(network.parameter_count())));
  if (evaluated) {
    page.headline = headline(scores, split, method.labelled());
    page.sections.push_back(
        {"Accuracy", protocol(split) + " The small numbers are points above the better baseline.", table});
  }
  page.sections.push_back({"Training", "", charts(journal, scores)});
  loader.seek(0, 0);
  data::Uploader batches(loader, options.device);
  if (const auto batch = batches.next()) {
    page.sections.push_back(first_views(loader, *batch));
    method.show(*batch, page);
  }
  loader.seek(0, 0);
  page.sections.insert(page.sections.end(), found.figures.begin(), found.figures.end());
  Pairs settings;
  for (const FitOptions::Setting& setting : options.settings) settings.emplace_back(setting.name, setting.text);
  page.sections.push_back({"Options", "", std::move(settings)});
  write_file(folder / kReportFile, html(page));
  fmt::print("{}\n", (folder / kReportFile).string());
}

}  // namespace fovea::models
