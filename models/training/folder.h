#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

// The files of a run's folder. Everything here throws Error with the file's name and the system's reason when the disk
// is full or the folder cannot be written.
namespace fovea::models {

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

// Appends the text to a file, made if it is not there, in one write.
void append_to_file(const std::filesystem::path& path, const std::string& text);

// A value of summary.json: a number, a text, or null when neither is set.
struct SummaryField {
  std::string name;
  std::optional<double> number;
  std::optional<std::string> text;
};
std::string json(const std::vector<SummaryField>& fields);

}  // namespace fovea::models
