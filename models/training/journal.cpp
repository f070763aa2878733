#include <fovea/models/training/journal.h>

#include <cmath>
#include <fstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <fovea/models/training/folder.h>

namespace fovea::models {

namespace fs = std::filesystem;

namespace {

std::string number(double value) {
  return std::isfinite(value) ? fmt::format("{:.9g}", value) : "null";
}

std::string line(const Record& record) {
  std::string out = "{";
  for (const auto& [name, value] : record)
    out += fmt::format("{}\"{}\": {}", out.size() > 1 ? ", " : "", name, number(value));
  return out + "}\n";
}

}  // namespace

std::optional<double> find(const Record& record, const std::string& name) {
  for (const auto& [key, value] : record)
    if (key == name) return value;
  return std::nullopt;
}

Journal::Journal(fs::path path, int64_t last_step) : path_(std::move(path)) {
  std::string kept;
  bool dropped = false;
  std::ifstream in;
  if (fs::is_regular_file(path_)) in.open(path_);  // a device such as /dev/full would never end
  for (std::string text; std::getline(in, text);) {
    auto object = nlohmann::ordered_json::parse(text, nullptr, false);
    Record record;
    if (object.is_object())
      for (const auto& [name, value] : object.items())
        record.emplace_back(name, value.is_number() ? value.get<double>() : std::nan(""));
    auto step = find(record, "step");
    if (!step || !(*step <= double(last_step)) || in.eof()) {
      dropped = true;
      continue;
    }
    kept += text + "\n";
    records_.push_back(std::move(record));
  }
  if (dropped) write_file(path_, kept);
}

void Journal::append(const Record& record) {
  append_to_file(path_, line(record));
  records_.push_back(record);
}

void Journal::on_step(const StepDone& done) {
  if (done.line) append(*done.line);
}

std::pair<std::vector<double>, std::vector<double>> Journal::series(const std::string& x, const std::string& y) const {
  std::pair<std::vector<double>, std::vector<double>> out;
  for (const Record& record : records_) {
    auto a = find(record, x), b = find(record, y);
    if (a && b) out.first.push_back(*a), out.second.push_back(*b);
  }
  return out;
}

std::optional<double> Journal::at(int64_t step, const std::string& name) const {
  for (const Record& record : records_)
    if (find(record, "step") == double(step))
      if (auto value = find(record, name)) return value;
  return std::nullopt;
}

}  // namespace fovea::models
