#include "runs.h"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <exception>
#include <fstream>
#include <functional>
#include <iostream>
#include <mutex>
#include <sstream>
#include <stdexcept>
#include <thread>
#include <utility>

#include <fmt/format.h>

namespace fovea::methods_table {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

// Two seeds whose k-NN accuracies differ by more get a third: the rule of all tables, bench/peers/methods.py's too.
constexpr double kPoint = 0.01;

void run_program(const std::vector<std::string>& command) {
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  pid_t id = 0;
  int status = 0, code = 127;
  if (posix_spawn(&id, arguments[0], nullptr, nullptr, arguments.data(), environ) == 0 && waitpid(id, &status, 0) == id)
    code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  if (code != 0) throw std::runtime_error(fmt::format("{} ended with exit code {}", fmt::join(command, " "), code));
}

void say(const std::string& text) {
  fmt::print("\n{}\n", text);
  std::cout.flush();
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

// Its name tells runs of other settings apart, so that one is never taken for another.
fs::path folder_of(const Settings& s, const Run& run) {
  const size_t settings = std::hash<std::string>()(key_of(s, run.method, run.seed).dump());
  return fs::path(s.out) / fmt::format("{}-{}-{}-{:08x}", run.method, s.epochs, run.seed, uint32_t(settings));
}

// What tells the measurement of a method's speed from other lines of Results.
json speed_key_of(const Settings& s, const std::string& method) {
  return {{"speed_of", method}, {"data", s.data},     {"limit", s.limit},
          {"width", s.width},   {"preset", s.preset}, {"extra", s.extra}};
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
  const int threads = std::max(1, int(std::thread::hardware_concurrency()) / s.jobs);
  if (s.jobs > 1) command.insert(command.end(), {"--threads", std::to_string(threads), "--workers", "0"});
  run_program(command);
}

// Brings the runs that are not finished to their end, s.jobs at a time, and adds them to `results`. A run that fails
// does not stop the others; then the first failure is thrown.
void finish(const Settings& s, const fs::path& programs, Results& results, std::vector<Run> runs) {
  std::erase_if(runs, [&](const Run& run) { return results.find(key_of(s, run.method, run.seed)); });
  if (results.kept())  // a folder without a line: its run is wanted afresh
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
      say(fmt::format("{}, seed {}", run.method, run.seed));
      lock.unlock();
      try {
        const fs::path file = folder_of(s, run) / "summary.json";
        if (!fs::exists(file)) train(s, programs, run);
        std::ifstream in(file);
        const json summary = json::parse(in);
        lock.lock();
        results.add(key_of(s, run.method, run.seed), summary);
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

// The median of the speeds that a run on a few of the images logs.
double speed_of(const Settings& s, const fs::path& programs, const std::string& method) {
  const fs::path folder = fs::path(s.out) / (method + "-speed");
  fs::remove_all(folder);
  std::vector<std::string> command = {(programs / method).string()};
  Settings few = s;
  few.limit = 1280;
  for (const std::string& word : common_flags(few)) command.push_back(word);
  command.insert(command.end(), {"--steps", "60", "--log-every", "10", "--eval-every", "0", "--out", folder.string()});
  say(fmt::format("{}, speed", method));
  run_program(command);
  std::vector<double> speeds;
  std::ifstream in(folder / "metrics.jsonl");
  for (std::string line; std::getline(in, line);)
    if (json entry = json::parse(line); entry.contains("images_per_second"))
      speeds.push_back(entry["images_per_second"]);
  if (speeds.empty())
    throw std::runtime_error(fmt::format("{}: no speed was logged", (folder / "metrics.jsonl").string()));
  std::nth_element(speeds.begin(), speeds.begin() + ptrdiff_t(speeds.size() / 2), speeds.end());
  return speeds[speeds.size() / 2];
}

}  // namespace

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> out;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, separator);)
    if (!part.empty()) out.push_back(part);
  return out;
}

Results::Results(fs::path path) : path_(std::move(path)) {
  if (path_.empty()) return;
  std::ifstream in(path_);
  std::string line;
  for (int number = 1; std::getline(in, line); ++number) {
    if (line.empty()) continue;
    lines_.push_back(json::parse(line, nullptr, false));
    if (!lines_.back().is_object() || !lines_.back().contains("run") || !lines_.back().contains("summary"))
      throw std::runtime_error(fmt::format("{}: line {} is no run with its summary", path_.string(), number));
  }
}

const json* Results::find(const json& run) const {
  for (const json& line : lines_)
    if (line.at("run") == run) return &line.at("summary");
  return nullptr;
}

void Results::add(const json& run, const json& summary) {
  lines_.push_back(json{{"run", run}, {"summary", summary}});
  if (!kept()) return;
  std::ofstream out(path_, std::ios::app);
  if (!(out << lines_.back().dump() << std::endl))
    throw std::runtime_error(fmt::format("{}: cannot write", path_.string()));
}

json key_of(const Settings& s, const std::string& method, int seed) {
  return {{"method", method}, {"seed", seed},       {"data", s.data},     {"limit", s.limit},
          {"width", s.width}, {"epochs", s.epochs}, {"preset", s.preset}, {"extra", s.extra}};
}

std::vector<Run> train_all(const Settings& s, const fs::path& programs, Results& results) {
  std::vector<Run> runs, more;
  for (int seed = 0; seed < s.seeds; ++seed)  // all methods with the first seed, then all with the second
    for (const std::string& method : s.methods) runs.push_back({method, seed});
  finish(s, programs, results, runs);
  auto knn = [&](const std::string& method, int seed) {
    return summary_of(s, results, {method, seed}).at("knn_top1").get<double>();
  };
  if (s.seeds == 2)
    for (const std::string& method : s.methods)
      if (std::abs(knn(method, 0) - knn(method, 1)) > kPoint) more.push_back({method, 2});
  finish(s, programs, results, more);
  runs.insert(runs.end(), more.begin(), more.end());
  return runs;
}

void measure_speeds(const Settings& s, const fs::path& programs, Results& results) {
  for (const std::string& method : s.methods)
    if (const json key = speed_key_of(s, method); !results.find(key))
      results.add(key, {{"images_per_second", speed_of(s, programs, method)}});
}

json summary_of(const Settings& s, const Results& results, const Run& run) {
  json summary = *results.find(key_of(s, run.method, run.seed));
  if (const json* alone = results.find(speed_key_of(s, run.method)))
    summary["images_per_second"] = alone->at("images_per_second");
  return summary;
}

}  // namespace fovea::methods_table
