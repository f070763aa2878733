#include "common/folder.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>
#include <sstream>

#include <nlohmann/json.hpp>

#include <fovea/core/check.h>

namespace fovea::examples {

namespace fs = std::filesystem;

namespace {

[[noreturn]] void throw_errno(const fs::path& path) {
  throw Error(fmt::format("{}: cannot write: {}", path.string(), std::strerror(errno)));
}

class File {
 public:
  File(const fs::path& path, int flags)
      : path_(path), fd_(::open(path.c_str(), flags | O_WRONLY | O_CREAT | O_CLOEXEC, 0666)) {
    if (fd_ < 0) throw_errno(path_);
  }
  ~File() { ::close(fd_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  void write(const std::string& text) {
    for (size_t at = 0; at < text.size();) {
      ssize_t n = ::write(fd_, text.data() + at, text.size() - at);
      if (n < 0 && errno != EINTR) throw_errno(path_);
      at += size_t(std::max<ssize_t>(n, 0));
    }
  }
  void sync() {
    if (::fsync(fd_) != 0) throw_errno(path_);
  }

 private:
  fs::path path_;
  int fd_;
};

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

void prepare_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  check(fs::is_directory(folder), "{}: cannot make this folder: {}", folder.string(),
        error ? error.message() : "there is a file of that name");
  fs::path probe = folder / ".writable.tmp";
  File(probe, O_TRUNC).write("x");
  fs::remove(probe, error);
}

void clear_folder(const fs::path& folder) {
  for (const char* name : {kCheckpointFile, kBackboneFile, kBestFile, kMetricsFile, kSummaryFile, kReportFile}) {
    std::error_code error;
    fs::remove(folder / name, error);
    check(!error, "{}: cannot remove: {}", (folder / name).string(), error.message());
  }
}

void write_file(const fs::path& path, const std::string& text) {
  fs::path temporary = path;
  temporary += ".tmp";
  try {
    File file(temporary, O_TRUNC);
    file.write(text);
    file.sync();
    if (::rename(temporary.c_str(), path.c_str()) != 0) throw_errno(path);
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
}

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
  File(path_, O_APPEND).write(line(record));
  records_.push_back(record);
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

std::string json(const std::vector<SummaryField>& fields) {
  nlohmann::ordered_json out = nlohmann::ordered_json::object();
  for (const SummaryField& field : fields) {
    if (field.number && std::isfinite(*field.number)) {
      double v = *field.number;
      if (v == std::floor(v) && std::abs(v) < 1e15)
        out[field.name] = int64_t(v);
      else
        out[field.name] = std::round(v * 1e6) / 1e6;
    } else if (field.text) {
      out[field.name] = *field.text;
    } else {
      out[field.name] = nullptr;
    }
  }
  return out.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace fovea::examples
