#include "table.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <optional>
#include <sstream>
#include <stdexcept>

#include <fmt/format.h>

namespace fovea::methods_table {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

double mean_of(const Summaries& runs, const std::string& name) {
  double sum = 0;
  for (const json& run : runs) sum += run.at(name).get<double>();
  return sum / double(runs.size());
}

// The mean over the seeds, and the largest distance of one from it; none for a single run.
struct Accuracy {
  double mean = 0;
  std::optional<double> spread = {};
};
Accuracy accuracy(const Summaries& runs, const std::string& name) {
  const double mean = mean_of(runs, name);
  double spread = 0;
  for (const json& run : runs) spread = std::max(spread, std::abs(run.at(name).get<double>() - mean));
  return {mean, runs.size() > 1 ? std::optional(spread) : std::nullopt};
}
// "0.7775 ± 0.0031".
std::string text(const Accuracy& a) {
  return a.spread ? fmt::format("{:.4f} ± {:.4f}", a.mean, *a.spread) : fmt::format("{:.4f}", a.mean);
}

// The mean of what not every method has; "" where a run lacks it.
std::string mean_if_known(const Summaries& runs, const std::string& name, int digits) {
  if (std::any_of(runs.begin(), runs.end(), [&](const json& run) { return run.at(name).is_null(); })) return "";
  return fmt::format("{:.{}f}", mean_of(runs, name), digits);
}

std::string title_of(const Summaries& runs) {
  return runs.front().at("title");
}

// What every table has of a row.
struct Line {
  std::string name;
  Accuracy knn, linear;
  size_t seeds;
};
Line line_of(const std::string& name, const Summaries& runs) {
  return {name, accuracy(runs, "knn_top1"), accuracy(runs, "linear_top1"), runs.size()};
}
std::string row(const Line& line) {
  return fmt::format("| {} | {} | {} | {} |\n", line.name, text(line.knn), text(line.linear), line.seeds);
}

std::string longer_row(const std::pair<std::string, int>& run, const Summaries& runs) {
  return row(line_of(fmt::format("{}, {} epochs", title_of(runs), run.second), runs));
}

// Those of a method that has most seeds: all methods start from the same networks.
const Summaries& most_seeds(const Rows& rows) {
  return std::max_element(rows.begin(), rows.end(),
                          [](const auto& a, const auto& b) { return a.second.size() < b.second.size(); })
      ->second;
}

// What stands above the methods. k-NN on raw pixels depends on no seed.
std::vector<Line> baselines(const Rows& rows) {
  const Summaries& any = most_seeds(rows);
  return {{"raw pixels",
           {any.front().at("baseline_pixels_knn").get<double>()},
           accuracy(any, "baseline_pixels_linear"),
           any.size()},
          {"the network before training", accuracy(any, "baseline_random_knn"), accuracy(any, "baseline_random_linear"),
           any.size()}};
}

// The methods with the best k-NN first.
std::vector<std::string> best_first(const Rows& rows) {
  std::vector<std::string> order;
  for (const auto& [method, runs] : rows) order.push_back(method);
  std::sort(order.begin(), order.end(), [&](const std::string& a, const std::string& b) {
    return mean_of(rows.at(a), "knn_top1") > mean_of(rows.at(b), "knn_top1");
  });
  return order;
}

// "[SwAV](methods/swav.md)", for a page in the folder from which --docs is at `docs`.
std::string link(const Settings& s, const std::string& method, const std::string& title, const fs::path& docs = {}) {
  return fmt::format("[{}]({})", title, (docs / page_of(s, method)).string());
}

std::string images_of(const Settings& s) {
  return fmt::format("{}, {} training images, {} of width {}, {} epochs, `--preset {}`{}", s.data,
                     s.limit > 0 ? std::to_string(s.limit) : "all",
                     s.extra.find("--backbone") == std::string::npos ? "ResNet-18" : "backbone", s.width, s.epochs,
                     s.preset, s.extra.empty() ? "" : fmt::format(", `{}`", s.extra));
}

}  // namespace

LongerRows longer_runs(const Settings& s, const Results& results) {
  LongerRows rows;
  for (const json& line : results.lines()) {
    const json& run = line.at("run");
    if (!run.contains("seed") || run.contains("peer") || run.at("epochs") <= s.epochs) continue;
    json same = key_of(s, run.at("method"), run.at("seed"));
    same["epochs"] = run.at("epochs");
    if (run == same) rows[{run.at("method"), run.at("epochs")}].push_back(line.at("summary"));
  }
  return rows;
}

fs::path page_of(const Settings& s, const std::string& method) {
  const auto page = [](const std::string& name) { return fs::path("methods") / (name + ".md"); };
  const auto is_there = [&](const fs::path& path) { return fs::exists(fs::path(s.docs).parent_path() / path); };
  const fs::path own = page(method), shorter = page(method.substr(0, method.rfind('_')));
  return !is_there(own) && is_there(shorter) ? shorter : own;
}

std::string table(const Settings& s, const std::string& program, const Rows& rows, const LongerRows& longer) {
  std::string out = fmt::format("```\n{}\n```\n\n", program);
  const int threads = most_seeds(rows).front().at("threads");
  out += fmt::format(
      "{}. Mean over the seeds, and how far they lie from it; best: over a run's evaluations. Each run on {} "
      "thread{}; speed in source images a second{}; memory is the process's, evaluation included, on a GPU the "
      "device's.\n\n",
      images_of(s), threads, threads == 1 ? "" : "s", s.speed ? ", of a method alone on all threads" : "");
  out += "| method | k-NN last | k-NN best | linear probe | seeds | images/s | memory MB | std | effective rank |\n";
  out += "|---|---|---|---|---|---|---|---|---|\n";
  for (const Line& b : baselines(rows))
    out += fmt::format("| {} | {} | | {} | {} | | | | |\n", b.name, text(b.knn), text(b.linear), b.seeds);
  for (const std::string& method : best_first(rows)) {
    const Summaries& runs = rows.at(method);
    const Line line = line_of(link(s, method, title_of(runs)), runs);
    out += fmt::format("| {} | {} | {} | {} | {} | {:.0f} | {:.0f} | {} | {} |\n", line.name, text(line.knn),
                       text(accuracy(runs, "knn_best")), text(line.linear), line.seeds,
                       mean_of(runs, "images_per_second"), mean_of(runs, "peak_memory_mb"),
                       mean_if_known(runs, "std", 4), mean_if_known(runs, "effective_rank", 1));
  }
  if (!longer.empty())
    out += "\nLonger runs, all else the same:\n\n| method | k-NN last | linear probe | seeds |\n|---|---|---|---|\n";
  for (const auto& [run, runs] : longer) out += longer_row(run, runs);
  return out;
}

std::string result_table(const Settings& s, const std::vector<std::string>& methods, const Rows& rows,
                         const LongerRows& longer) {
  std::string out = fmt::format(
      "{}; mean over the seeds, and how far they lie from it:\n\n| | k-NN | linear probe | seeds "
      "|\n|---|---|---|---|\n",
      images_of(s));
  for (const Line& baseline : baselines(rows)) out += row(baseline);
  for (const std::string& method : methods) out += row(line_of(title_of(rows.at(method)), rows.at(method)));
  for (const auto& [run, runs] : longer)
    if (std::find(methods.begin(), methods.end(), run.first) != methods.end()) out += longer_row(run, runs);
  return out + fmt::format("\n[All methods](../{}) beside each other.\n", fs::path(s.docs).filename().string());
}

std::string short_table(const Settings& s, const Rows& rows) {
  std::string out = fmt::format("{}:\n\n| | k-NN | linear probe |\n|---|---|---|\n", images_of(s));
  std::vector<Line> lines = baselines(rows);
  for (const std::string& method : best_first(rows))
    lines.push_back(
        line_of(link(s, method, title_of(rows.at(method)), fs::path(s.docs).parent_path()), rows.at(method)));
  for (const Line& line : lines)
    out += fmt::format("| {} | {:.4f} | {:.4f} |\n", line.name, line.knn.mean, line.linear.mean);
  return out;
}

std::string page_with(const fs::path& path, const std::string& what, const std::string& text) {
  std::ifstream in(path);
  std::stringstream whole;
  whole << in.rdbuf();
  const std::string page = whole.str();
  const std::string first = fmt::format("<!-- begin {} -->\n", what), last = fmt::format("<!-- end {} -->", what);
  const size_t begin = page.find(first), end = page.find(last);
  if (begin == std::string::npos || end == std::string::npos || end < begin)
    throw std::runtime_error(
        fmt::format("{}: want the lines {} and {}", path.string(), fmt::format("<!-- begin {} -->", what), last));
  return page.substr(0, begin) + first + text + page.substr(end);
}

void write_between_markers(const fs::path& path, const std::string& what, const std::string& text) {
  const fs::path temporary = path.string() + ".tmp";
  std::ofstream out(temporary);
  out << page_with(path, what, text) << std::flush;
  if (!out) {
    fs::remove(temporary);
    throw std::runtime_error(fmt::format("{}: cannot write", temporary.string()));
  }
  fs::rename(temporary, path);
}

}  // namespace fovea::methods_table
