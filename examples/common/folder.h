#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

// The files of a run's folder. Everything here throws Error with the file's name and the system's reason when the disk
// is full or the folder cannot be written.
namespace fovea::examples {

inline constexpr const char* kCheckpointFile = "last.safetensors";
inline constexpr const char* kBackboneFile = "backbone.safetensors";
inline constexpr const char* kBestFile = "best.safetensors";  // the backbone of the epoch that was chosen
inline constexpr const char* kMetricsFile = "metrics.jsonl";
inline constexpr const char* kSummaryFile = "summary.json";
inline constexpr const char* kReportFile = "report.html";

// Makes the folder if it is not there, and finds out now whether it can be written.
void prepare_folder(const std::filesystem::path& folder);

// Removes what an earlier run left there.
void clear_folder(const std::filesystem::path& folder);

// Writes all of a file or nothing: a temporary file beside it is written, synced and renamed.
void write_file(const std::filesystem::path& path, const std::string& text);

// One line of metrics.jsonl: numbers by name, in order. Values that are not finite are written as null.
using Record = std::vector<std::pair<std::string, double>>;

// The value of `name` in a record, if it is there.
std::optional<double> find(const Record& record, const std::string& name);

// metrics.jsonl, and its lines in memory. Every line has "step".
class Journal {
 public:
  // Reads what is there; a file that does not exist is empty. Lines after `last_step` are dropped from the file too
  // (what a killed run wrote after its last checkpoint), and so is a line that was cut short.
  explicit Journal(std::filesystem::path path, int64_t last_step = std::numeric_limits<int64_t>::max());
  // Appends a line in one write.
  void append(const Record& record);
  const std::vector<Record>& records() const { return records_; }
  // (x, y) of every line that has both.
  std::pair<std::vector<double>, std::vector<double>> series(const std::string& x, const std::string& y) const;
  // The value in the line of that step, if there is one.
  std::optional<double> at(int64_t step, const std::string& name) const;

 private:
  std::filesystem::path path_;
  std::vector<Record> records_;
};

// A value of summary.json: a number, a text, or null when neither is set.
struct SummaryField {
  std::string name;
  std::optional<double> number;
  std::optional<std::string> text;
};
std::string json(const std::vector<SummaryField>& fields);

}  // namespace fovea::examples
