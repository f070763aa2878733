#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fovea/models/training/listener.h>

namespace fovea::models {

// metrics.jsonl, and its lines in memory. Every line has "step". It hears of a run's log lines and evaluations.
class Journal : public Listener {
 public:
  // Reads what is there; a file that does not exist is empty. Lines after `last_step` are dropped from the file too
  // (what a killed run wrote after its last checkpoint), and so is a line that was cut short.
  explicit Journal(std::filesystem::path path, int64_t last_step = std::numeric_limits<int64_t>::max());
  // Appends a line in one write.
  void append(const Record& record);
  void on_step(const StepDone& done) override;
  void on_evaluation(const Record& record) override { append(record); }
  const std::vector<Record>& records() const { return records_; }
  // (x, y) of every line that has both.
  std::pair<std::vector<double>, std::vector<double>> series(const std::string& x, const std::string& y) const;
  // The value in the line of that step, if there is one.
  std::optional<double> at(int64_t step, const std::string& name) const;

 private:
  std::filesystem::path path_;
  std::vector<Record> records_;
};

}  // namespace fovea::models
