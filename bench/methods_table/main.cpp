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
#include <exception>
#include <filesystem>
#include <iostream>
#include <map>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "table.h"

using namespace fovea::methods_table;
namespace fs = std::filesystem;

static void add_flags(CLI::App& app, Settings& s, std::string& methods) {
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
}

// Trains what is missing and writes the tables. `command`: the command line.
static void make_tables(const Settings& s, const std::string& command) {
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
  for (const auto& [page, methods] : pages) page_with(page, "result", "");

  Results results(s.results);
  const std::vector<Run> runs = train_all(s, programs, results);
  if (s.speed) measure_speeds(s, programs, results);
  Rows rows;
  for (const Run& run : runs) rows[run.method].push_back(summary_of(s, results, run));
  const LongerRows longer = longer_runs(s, results);
  const std::string text = table(s, command, rows, longer);
  if (!s.docs.empty()) write_between_markers(s.docs, "methods", text);
  if (!s.readme.empty()) write_between_markers(s.readme, "methods", short_table(s, rows));
  for (const auto& [page, methods] : pages)
    write_between_markers(page, "result", result_table(s, methods, rows, longer));
  fmt::print("\n{}", text);
}

int main(int argc, char** argv) {
  Settings s;
  std::string methods;
  CLI::App app("Trains every method on the same data and compares them", "methods_table");
  add_flags(app, s, methods);
  CLI11_PARSE(app, argc, argv);
  if (!s.imagenette.empty()) {
    s.data = "imagefolder:" + s.imagenette, s.preset = "imagenette-table", s.limit = 0, s.width = 64, s.epochs = 800;
    s.out += "-imagenette", s.docs.clear(), s.results.clear();
  }
  s.methods = split(methods.empty() ? FOVEA_METHODS : methods, ',');
  if (!methods.empty() && app.count("--docs") == 0) s.docs.clear();
  if (s.docs.empty()) s.readme.clear();

  try {
    std::vector<std::string> command = {"bin/methods_table"};
    command.insert(command.end(), argv + 1, argv + argc);
    make_tables(s, fmt::format("{}", fmt::join(command, " ")));
    return 0;
  } catch (const std::exception& e) {
    std::cerr << "methods_table: " << e.what() << "\n";
    return 1;
  }
}
