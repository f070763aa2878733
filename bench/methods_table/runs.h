#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace fovea::methods_table {

struct Settings {
  std::string data = "fashion-mnist", preset = "short", out = "runs/methods", docs = "docs/results.md", imagenette;
  std::string results = "docs/results.jsonl", readme = "README.md";
  std::string extra;
  std::vector<std::string> methods;
  int limit = 10000, width = 16, epochs = 10, seeds = 2, jobs = 1;
  bool speed = false;
};

// "a,b" -> a and b; empty parts are passed over.
std::vector<std::string> split(const std::string& text, char separator);

// --results: {"run": what was run, "summary": what came of it}, a line each. The file is read once.
class Results {
 public:
  // Reads what is there; none for an empty path, and then nothing is written. Throws std::runtime_error for a line that is
  // no result.
  explicit Results(std::filesystem::path path);
  // The summary of a run, null if there is none.
  const nlohmann::json* find(const nlohmann::json& run) const;
  void add(const nlohmann::json& run, const nlohmann::json& summary);
  const std::vector<nlohmann::json>& lines() const { return lines_; }
  bool kept() const { return !path_.empty(); }

 private:
  std::filesystem::path path_;
  std::vector<nlohmann::json> lines_;
};

// What tells one run from another in Results.
nlohmann::json key_of(const Settings& s, const std::string& method, int seed);

struct Run {
  std::string method;
  int seed = 0;
};

// Trains every method with every seed, each run that Results does not have, and with a seed more where it needs one.
std::vector<Run> train_all(const Settings& s, const std::filesystem::path& programs, Results& results);

// Measures each method's speed for a while with nothing beside it, unless Results has that.
void measure_speeds(const Settings& s, const std::filesystem::path& programs, Results& results);

// summary.json of a finished run; a speed that was measured alone takes the place of what a run beside others had.
nlohmann::json summary_of(const Settings& s, const Results& results, const Run& run);

}  // namespace fovea::methods_table
