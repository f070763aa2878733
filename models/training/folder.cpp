#include <fovea/models/training/folder.h>

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstring>

#include <nlohmann/json.hpp>

#include <fovea/core/check.h>

namespace fovea::models {

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

void append_to_file(const fs::path& path, const std::string& text) {
  File(path, O_APPEND).write(text);
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

}  // namespace fovea::models
