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

#include "common/cli.h"
#include "table.h"

using namespace fovea::methods_table;
namespace fs = std::filesystem;

static void add_flags(CLI::App& app, Settings& s, std::string& methods) {
  app.add_option("--data", s.data, "images to train and test on, as the methods' own --data takes them")
      ->capture_default_str();
  app.add_option("--limit", s.limit, "number of training images that are used, the first ones of the data set (0: all)")
      ->capture_default_str();
  app.add_option("--width", s.width, "channels of the backbone's first stage")->capture_default_str();
  app.add_option("--epochs", s.epochs, "number of passes over the training images")->capture_default_str();
  app.add_option(
         "--seeds", s.seeds,
         "number of runs of each method, with seeds from 0 on; one more where k-NN of the first two differs by over a "
         "point")
      ->check(CLI::Range(1, 100))
      ->capture_default_str();
  app.add_option("--jobs", s.jobs, "number of runs at a time; they share the machine's threads")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  app.add_flag(
      "--speed", s.speed,
      "after the runs, measure the speed of each method with no other run beside it; the results file keeps it");
  app.add_option("--preset", s.preset, "preset of flags that every method is trained with")->capture_default_str();
  app.add_option("--methods", methods, "methods to train, separated by commas (default: all)");
  app.add_option("--extra", s.extra, "further flags of every run, separated by spaces");
  app.add_option("--out", s.out, "folder that holds a folder for each run")->capture_default_str();
  app.add_option("--results", s.results, "file that keeps a line of JSON for every finished run (empty: none)")
      ->capture_default_str();
  app.add_option("--docs", s.docs,
                 "Markdown page whose table is replaced, with the pages of the methods beside it (empty: none)")
      ->capture_default_str();
  app.add_option("--readme", s.readme, "Markdown page whose short table is replaced, if the long one is (empty: none)")
      ->capture_default_str();
  app.add_option("--imagenette", s.imagenette, "folder of imagenette2-160: train lightly's Imagenette benchmark on it");
}

// Trains what is missing and writes the tables. `command`: the command line.
static void make_tables(const Settings& s, const std::string& command) {
  const fs::path programs = fs::canonical("/proc/self/exe").parent_path();
  if (s.methods.empty()) throw std::runtime_error("--methods: want names of methods, got none");
  for (const std::string& method : s.methods)
    if (!fs::exists(programs / method))
      throw std::runtime_error(fmt::format("--methods: there is no program {}{}", (programs / method).string(),
                                           fovea::did_you_mean(method, split(FOVEA_METHODS, ','))));
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
  if (const auto code = fovea::examples::parse(app, argc, argv)) return *code;
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
