// Trains every method on the same images with one backbone, epochs and seeds, and writes the table that compares them.
//
//   bin/methods_table                                     Fashion-MNIST's first 10,000 images, ResNet-18 of width 16
//   bin/methods_table --methods simclr,byol --seeds 1     some of them: to stdout alone
//   bin/methods_table --data cifar10:DIR --limit 0 --width 64 --epochs 200 --docs ""
//   bin/methods_table --imagenette DIR                    lightly's recipe (DIR: imagenette2-160), for a GPU
//
// A run that is finished is a line of --results and is not repeated, and one that was stopped goes on: start the
// program again with the same arguments. Drop a line to measure it afresh. The table goes to stdout and between two
// markers of --docs, a short one of each method on its page in methods/ beside it; of some methods only with --docs.
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <exception>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <mutex>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

namespace fs = std::filesystem;

namespace {

constexpr double kPoint = 0.01;  // two seeds that differ by more get a third

struct Settings {
  std::string data = "fashion-mnist", preset = "short", out = "runs/methods", docs = "docs/results.md", imagenette;
  std::string results = "docs/results.jsonl", readme = "README.md";
  std::string extra;
  std::vector<std::string> methods;
  int limit = 10000, width = 16, epochs = 10, seeds = 2, jobs = 1;
  bool speed = false;
};

int threads_of_a_job(const Settings& s) {
  return std::max(1, int(std::thread::hardware_concurrency()) / s.jobs);
}

// What a table row is made of: summary.json of one run.
struct Result {
  std::string title;
  int threads = 0;
  double knn = 0, knn_best = 0, linear = 0, speed = 0, memory = 0;
  std::optional<double> spread, rank;
  double pixels_knn = 0, pixels_linear = 0, random_knn = 0, random_linear = 0;
};

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> out;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, separator);)
    if (!part.empty()) out.push_back(part);
  return out;
}

int run_program(const std::vector<std::string>& command) {
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  pid_t id = 0;
  if (posix_spawn(&id, arguments[0], nullptr, nullptr, arguments.data(), environ) != 0) return 127;
  int status = 0;
  if (waitpid(id, &status, 0) != id) return 127;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

using nlohmann::json;

Result result_in(const json& summary) {
  auto number = [&](const char* name) { return summary.at(name).get<double>(); };
  auto maybe = [&](const char* name) {
    return summary.at(name).is_null() ? std::optional<double>() : std::optional(number(name));
  };
  return {.title = summary.at("title"),
          .threads = summary.at("threads"),
          .knn = number("knn_top1"),
          .knn_best = number("knn_best"),
          .linear = number("linear_top1"),
          .speed = number("images_per_second"),
          .memory = number("peak_memory_mb"),
          .spread = maybe("std"),
          .rank = maybe("effective_rank"),
          .pixels_knn = number("baseline_pixels_knn"),
          .pixels_linear = number("baseline_pixels_linear"),
          .random_knn = number("baseline_random_knn"),
          .random_linear = number("baseline_random_linear")};
}

std::vector<std::string> common_flags(const Settings& s) {
  std::vector<std::string> flags = {"--preset", s.preset,
                                    "--data",   s.data,
                                    "--limit",  std::to_string(s.limit),
                                    "--width",  std::to_string(s.width),
                                    "--epochs", std::to_string(s.epochs)};
  for (const std::string& word : split(s.extra, ' ')) flags.push_back(word);
  return flags;
}

// What tells one run from another in --results.
json key_of(const Settings& s, const std::string& method, int seed) {
  return {{"method", method}, {"seed", seed},       {"data", s.data},     {"limit", s.limit},
          {"width", s.width}, {"epochs", s.epochs}, {"preset", s.preset}, {"extra", s.extra}};
}

// The lines of --results: {"run": what was run, "summary": what came of it}.
std::vector<json> records(const Settings& s) {
  std::vector<json> out;
  std::ifstream in(s.results);
  std::string line;
  for (int number = 1; std::getline(in, line); ++number) {
    if (line.empty()) continue;
    out.push_back(json::parse(line, nullptr, false));
    if (!out.back().is_object() || !out.back().contains("run") || !out.back().contains("summary"))
      throw std::runtime_error(fmt::format("{}: line {} is no run with its summary", s.results, number));
  }
  return out;
}

std::optional<json> recorded(const Settings& s, const json& key) {
  for (const json& entry : records(s))
    if (entry.at("run") == key) return entry.at("summary");
  return {};
}

struct Run {
  std::string method;
  int seed = 0;
};

// Its name tells runs of other settings apart, so that one is never taken for another.
fs::path folder_of(const Settings& s, const Run& run) {
  const size_t settings = std::hash<std::string>()(key_of(s, run.method, run.seed).dump());
  return fs::path(s.out) / fmt::format("{}-{}-{}-{:08x}", run.method, s.epochs, run.seed, uint32_t(settings));
}

std::optional<json> finished(const Settings& s, const Run& run) {
  if (auto summary = recorded(s, key_of(s, run.method, run.seed))) return summary;
  std::ifstream in(folder_of(s, run) / "summary.json");
  return in ? std::optional(json::parse(in)) : std::nullopt;
}

// What tells the measurement of a method's speed from other lines of --results.
json speed_key_of(const Settings& s, const std::string& method) {
  return {{"speed_of", method}, {"data", s.data},     {"limit", s.limit},
          {"width", s.width},   {"preset", s.preset}, {"extra", s.extra}};
}

// Speeds measured alone take the place of what a run beside others had.
Result result_of(const Settings& s, const Run& run) {
  Result result = result_in(finished(s, run).value());
  if (auto alone = recorded(s, speed_key_of(s, run.method))) result.speed = alone->at("images_per_second");
  return result;
}

void record(const Settings& s, const json& key, const json& summary) {
  if (s.results.empty()) return;
  std::ofstream out(s.results, std::ios::app);
  if (!(out << json{{"run", key}, {"summary", summary}}.dump() << std::endl))
    throw std::runtime_error(fmt::format("{}: cannot write", s.results));
}

// Starts a run, or goes on with one that was stopped.
void train(const Settings& s, const fs::path& programs, const Run& run) {
  const fs::path folder = folder_of(s, run);
  std::vector<std::string> command = {(programs / run.method).string()};
  if (fs::exists(folder / "last.safetensors")) {
    command.insert(command.end(), {"--resume", folder.string()});
  } else {
    for (const std::string& word : common_flags(s)) command.push_back(word);
    command.insert(command.end(), {"--seed", std::to_string(run.seed), "--out", folder.string()});
  }
  if (s.jobs > 1) command.insert(command.end(), {"--threads", std::to_string(threads_of_a_job(s)), "--workers", "0"});
  if (int status = run_program(command); status != 0)
    throw std::runtime_error(fmt::format("{} ended with exit code {}", fmt::join(command, " "), status));
}

// Brings the runs that are not finished to their end, s.jobs at a time, and adds them to --results. A run that fails
// does not stop the others; then the first failure is thrown.
void finish(const Settings& s, const fs::path& programs, std::vector<Run> runs) {
  std::erase_if(runs, [&](const Run& run) { return recorded(s, key_of(s, run.method, run.seed)).has_value(); });
  if (!s.results.empty())  // a folder without a line: its run is wanted afresh
    for (const Run& run : runs)
      if (fs::exists(folder_of(s, run) / "summary.json")) fs::remove_all(folder_of(s, run));
  std::mutex mutex;
  size_t next = 0;
  std::exception_ptr failure;
  auto work = [&] {
    while (true) {
      std::unique_lock lock(mutex);
      if (next == runs.size()) return;
      const Run run = runs[next++];
      fmt::print("\n{}, seed {}\n", run.method, run.seed);
      std::cout.flush();
      lock.unlock();
      try {
        if (!fs::exists(folder_of(s, run) / "summary.json")) train(s, programs, run);
        lock.lock();
        record(s, key_of(s, run.method, run.seed), finished(s, run).value());
      } catch (...) {
        if (!lock) lock.lock();
        if (!failure) failure = std::current_exception();
      }
    }
  };
  std::vector<std::thread> workers;
  for (int i = 0; i < s.jobs; ++i) workers.emplace_back(work);
  for (std::thread& worker : workers) worker.join();
  if (failure) std::rethrow_exception(failure);
}

// Trains for a while on a few of the images with nothing beside it. The median of the logged speeds is the method's.
void measure_speed(const Settings& s, const fs::path& programs, const std::string& method) {
  const json key = speed_key_of(s, method);
  if (recorded(s, key)) return;
  const fs::path folder = fs::path(s.out) / (method + "-speed");
  fs::remove_all(folder);
  std::vector<std::string> command = {(programs / method).string()};
  Settings few = s;
  few.limit = 1280;
  for (const std::string& word : common_flags(few)) command.push_back(word);
  command.insert(command.end(), {"--steps", "60", "--log-every", "10", "--eval-every", "0", "--out", folder.string()});
  fmt::print("\n{}, speed\n", method);
  std::cout.flush();
  if (int status = run_program(command); status != 0)
    throw std::runtime_error(fmt::format("{} ended with exit code {}", fmt::join(command, " "), status));
  std::vector<double> speeds;
  std::ifstream in(folder / "metrics.jsonl");
  for (std::string line; std::getline(in, line);)
    if (json entry = json::parse(line); entry.contains("images_per_second"))
      speeds.push_back(entry["images_per_second"]);
  if (speeds.empty())
    throw std::runtime_error(fmt::format("{}: no speed was logged", (folder / "metrics.jsonl").string()));
  std::nth_element(speeds.begin(), speeds.begin() + ptrdiff_t(speeds.size() / 2), speeds.end());
  record(s, key, {{"images_per_second", speeds[speeds.size() / 2]}});
}

// value: a field of a result, or a function of one.
double mean_of(const std::vector<Result>& results, const auto& value) {
  double sum = 0;
  for (const Result& r : results) sum += std::invoke(value, r);
  return sum / double(results.size());
}

// mean, and the largest distance of a seed from it: "0.7775 ± 0.0031".
std::string with_spread(const std::vector<Result>& results, double Result::*field) {
  const double mean = mean_of(results, field);
  double spread = 0;
  for (const Result& r : results) spread = std::max(spread, std::abs(r.*field - mean));
  return results.size() > 1 ? fmt::format("{:.4f} ± {:.4f}", mean, spread) : fmt::format("{:.4f}", mean);
}

using Rows = std::map<std::string, std::vector<Result>>;
using LongerRows = std::map<std::pair<std::string, int>, std::vector<Result>>;  // by method and epochs

// The recorded runs that differ from this table's only by having more epochs.
LongerRows longer_runs(const Settings& s) {
  LongerRows rows;
  for (const json& entry : records(s)) {
    const json& run = entry.at("run");
    if (!run.contains("seed") || run.contains("peer") || run.at("epochs") <= s.epochs) continue;
    json same = key_of(s, run.at("method"), run.at("seed"));
    same["epochs"] = run.at("epochs");
    if (run == same) rows[{run.at("method"), run.at("epochs")}].push_back(result_in(entry.at("summary")));
  }
  return rows;
}

// "| NAME | k-NN | linear probe | seeds |".
std::string short_row(const std::string& name, const std::vector<Result>& results) {
  return fmt::format("| {} | {} | {} | {} |\n", name, with_spread(results, &Result::knn),
                     with_spread(results, &Result::linear), results.size());
}

std::string longer_row(const std::pair<std::string, int>& run, const std::vector<Result>& results) {
  return short_row(fmt::format("{}, {} epochs", results.front().title, run.second), results);
}

// The mean of what not every method has; "" where a result lacks it.
std::string mean_if_known(const std::vector<Result>& results, std::optional<double> Result::*field, int digits) {
  auto known = [field](const Result& r) { return (r.*field).has_value(); };
  if (!std::all_of(results.begin(), results.end(), known)) return "";
  return fmt::format("{:.{}f}", mean_of(results, [field](const Result& r) { return *(r.*field); }), digits);
}

// The results of a method that has most seeds: all methods start from the same networks.
const std::vector<Result>& most_seeds(const Rows& rows) {
  return std::max_element(rows.begin(), rows.end(),
                          [](const auto& a, const auto& b) { return a.second.size() < b.second.size(); })
      ->second;
}

// The methods with the best k-NN first.
std::vector<std::string> best_first(const Rows& rows) {
  std::vector<std::string> order;
  for (const auto& [method, results] : rows) order.push_back(method);
  std::sort(order.begin(), order.end(), [&](const std::string& a, const std::string& b) {
    return mean_of(rows.at(a), &Result::knn) > mean_of(rows.at(b), &Result::knn);
  });
  return order;
}

// "methods/swav.md", beside --docs. Variants of a method have its page: swav_queue has swav's.
fs::path page_of(const Settings& s, const std::string& method) {
  const auto page = [](const std::string& name) { return fs::path("methods") / (name + ".md"); };
  const auto is_there = [&](const fs::path& path) { return fs::exists(fs::path(s.docs).parent_path() / path); };
  const fs::path own = page(method), shorter = page(method.substr(0, method.rfind('_')));
  return !is_there(own) && is_there(shorter) ? shorter : own;
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

std::string table(const Settings& s, const std::string& program, const Rows& rows, const LongerRows& longer) {
  std::string out = fmt::format("```\n{}\n```\n\n", program);
  const std::vector<Result>& any = most_seeds(rows);
  out += fmt::format(
      "{}. Mean over the seeds, and how far they lie from it; best: over a run's evaluations. Each run on {} "
      "thread{}; speed in source images a second{}; memory is the process's, evaluation included, on a GPU the "
      "device's.\n\n",
      images_of(s), any.front().threads, any.front().threads == 1 ? "" : "s",
      s.speed ? ", of a method alone on all threads" : "");
  out += "| method | k-NN last | k-NN best | linear probe | seeds | images/s | memory MB | std | effective rank |\n";
  out += "|---|---|---|---|---|---|---|---|---|\n";
  out += fmt::format("| raw pixels | {:.4f} | | {} | {} | | | | |\n", any.front().pixels_knn,
                     with_spread(any, &Result::pixels_linear), any.size());
  out += fmt::format("| the network before training | {} | | {} | {} | | | | |\n",
                     with_spread(any, &Result::random_knn), with_spread(any, &Result::random_linear), any.size());
  for (const std::string& method : best_first(rows)) {
    const std::vector<Result>& results = rows.at(method);
    out += fmt::format("| {} | {} | {} | {} | {} | {:.0f} | {:.0f} | {} | {} |\n",
                       link(s, method, results.front().title), with_spread(results, &Result::knn),
                       with_spread(results, &Result::knn_best), with_spread(results, &Result::linear), results.size(),
                       mean_of(results, &Result::speed), mean_of(results, &Result::memory),
                       mean_if_known(results, &Result::spread, 4), mean_if_known(results, &Result::rank, 1));
  }
  if (!longer.empty())
    out += "\nLonger runs, all else the same:\n\n| method | k-NN last | linear probe | seeds |\n|---|---|---|---|\n";
  for (const auto& [run, results] : longer) out += longer_row(run, results);
  return out;
}

// For the page that these methods share.
std::string result_table(const Settings& s, const std::vector<std::string>& methods, const Rows& rows,
                         const LongerRows& longer) {
  const std::vector<Result>& any = most_seeds(rows);
  std::string out = fmt::format(
      "{}; mean over the seeds, and how far they lie from it:\n\n| | k-NN | linear probe | seeds |\n|---|---|---|---|\n"
      "| raw pixels | {:.4f} | {} | {} |\n| the network before training | {} | {} | {} |\n",
      images_of(s), any.front().pixels_knn, with_spread(any, &Result::pixels_linear), any.size(),
      with_spread(any, &Result::random_knn), with_spread(any, &Result::random_linear), any.size());
  for (const std::string& method : methods) out += short_row(rows.at(method).front().title, rows.at(method));
  for (const auto& [run, results] : longer)
    if (std::find(methods.begin(), methods.end(), run.first) != methods.end()) out += longer_row(run, results);
  return out + fmt::format("\n[All methods](../{}) beside each other.\n", fs::path(s.docs).filename().string());
}

// For the README.
std::string short_table(const Settings& s, const Rows& rows) {
  const std::vector<Result>& any = most_seeds(rows);
  std::string out = fmt::format("{}:\n\n| | k-NN | linear probe |\n|---|---|---|\n", images_of(s));
  out +=
      fmt::format("| raw pixels | {:.4f} | {:.4f} |\n", any.front().pixels_knn, mean_of(any, &Result::pixels_linear));
  out += fmt::format("| the network before training | {:.4f} | {:.4f} |\n", mean_of(any, &Result::random_knn),
                     mean_of(any, &Result::random_linear));
  for (const std::string& method : best_first(rows))
    out += fmt::format("| {} | {:.4f} | {:.4f} |\n",
                       link(s, method, rows.at(method).front().title, fs::path(s.docs).parent_path()),
                       mean_of(rows.at(method), &Result::knn), mean_of(rows.at(method), &Result::linear));
  return out;
}

// The page with `text` between its markers <!-- begin WHAT --> and <!-- end WHAT -->.
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

}  // namespace

int main(int argc, char** argv) {
  Settings s;
  std::string methods;
  CLI::App app("Trains every method on the same data and compares them", "methods_table");
  app.add_option("--data", s.data, "as of the methods")->capture_default_str();
  app.add_option("--limit", s.limit, "the first N training images (0: all)")->capture_default_str();
  app.add_option("--width", s.width, "of the backbone")->capture_default_str();
  app.add_option("--epochs", s.epochs)->capture_default_str();
  app.add_option("--seeds", s.seeds,
                 "runs of a method, from seed 0; one more where the first two differ by over a point")
      ->check(CLI::Range(1, 100))
      ->capture_default_str();
  app.add_option("--jobs", s.jobs, "runs at a time, which share the machine's threads")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  app.add_flag("--speed", s.speed, "measure speeds by themselves, a method at a time, after the runs (want --results)");
  app.add_option("--preset", s.preset, "of every method")->capture_default_str();
  app.add_option("--methods", methods, "comma-separated (default: all)");
  app.add_option("--extra", s.extra, "more flags for every run");
  app.add_option("--out", s.out, "folder of the runs")->capture_default_str();
  app.add_option("--results", s.results, "file with a line of JSON for every run (empty: none)")->capture_default_str();
  app.add_option("--docs", s.docs, "page whose table is replaced (empty: none)")->capture_default_str();
  app.add_option("--readme", s.readme, "page with a short table that goes with it (empty: none)")
      ->capture_default_str();
  app.add_option("--imagenette", s.imagenette, "train lightly's benchmark on imagenette2-160 in this folder instead");
  CLI11_PARSE(app, argc, argv);
  if (!s.imagenette.empty()) {
    s.data = "imagefolder:" + s.imagenette, s.preset = "imagenette-table", s.limit = 0, s.width = 64, s.epochs = 800;
    s.out += "-imagenette", s.docs.clear(), s.results.clear();
  }
  s.methods = split(methods.empty() ? FOVEA_METHODS : methods, ',');
  if (!methods.empty() && app.count("--docs") == 0) s.docs.clear();
  if (s.docs.empty()) s.readme.clear();

  try {
    const fs::path programs = fs::canonical("/proc/self/exe").parent_path();
    if (s.methods.empty()) throw std::runtime_error("--methods: want names of methods, got none");
    for (const std::string& method : s.methods)
      if (!fs::exists(programs / method))
        throw std::runtime_error(fmt::format("--methods: there is no program {}", (programs / method).string()));
    if (s.speed && s.results.empty()) throw std::runtime_error("--speed: want --results, which keeps the speeds");
    std::map<fs::path, std::vector<std::string>> pages;  // of the methods
    for (const std::string& method : s.methods)
      if (!s.docs.empty()) pages[fs::path(s.docs).parent_path() / page_of(s, method)].push_back(method);
    for (const std::string& page : {s.docs, s.readme})  // before the runs, which take long
      if (!page.empty()) page_with(page, "methods", "");
    for (const auto& [page, methods_there] : pages) page_with(page, "result", "");
    std::vector<Run> runs, more;
    for (int seed = 0; seed < s.seeds; ++seed)  // all methods with the first seed, then all with the second
      for (const std::string& method : s.methods) runs.push_back({method, seed});
    finish(s, programs, runs);
    if (s.seeds == 2)
      for (const std::string& method : s.methods)
        if (std::abs(result_of(s, {method, 0}).knn - result_of(s, {method, 1}).knn) > kPoint)
          more.push_back({method, 2});
    finish(s, programs, more);
    if (s.speed)
      for (const std::string& method : s.methods) measure_speed(s, programs, method);
    runs.insert(runs.end(), more.begin(), more.end());
    Rows rows;
    for (const Run& run : runs) rows[run.method].push_back(result_of(s, run));
    const LongerRows longer = longer_runs(s);
    std::vector<std::string> words = {"bin/methods_table"};
    words.insert(words.end(), argv + 1, argv + argc);
    const std::string text = table(s, fmt::format("{}", fmt::join(words, " ")), rows, longer);
    if (!s.docs.empty()) write_between_markers(s.docs, "methods", text);
    if (!s.readme.empty()) write_between_markers(s.readme, "methods", short_table(s, rows));
    for (const auto& [page, methods_there] : pages)
      write_between_markers(page, "result", result_table(s, methods_there, rows, longer));
    fmt::print("\n{}", text);
    return 0;
  } catch (const std::exception& e) {
    std::cerr << "methods_table: " << e.what() << "\n";
    return 1;
  }
}
