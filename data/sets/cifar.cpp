#include <fovea/data/sets/cifar.h>

#include <algorithm>
#include <fstream>
#include <system_error>

#include <fovea/core/check.h>
#include <fovea/data/sets/memory_dataset.h>

namespace fovea::data {

namespace fs = std::filesystem;

constexpr int kSide = 32;
constexpr size_t kPixels = size_t(kSide) * kSide * 3;

// One class name a line; numbers where the file is missing.
static std::vector<std::string> class_names(const fs::path& path, int count) {
  std::vector<std::string> names;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (!line.empty()) names.push_back(line);
  }
  if (names.empty())
    for (int i = 0; i < count; ++i) names.push_back(std::to_string(i));
  check(int(names.size()) == count, "{}: want {} class names, got {}", path.string(), count, names.size());
  return names;
}

// Records of `label_bytes` labels, of which number `which` counts, and an image.
static DatasetPtr read_records(const fs::path& dir, const std::vector<std::string>& files, size_t label_bytes,
                               size_t which, const std::vector<std::string>& classes) {
  std::vector<uint8_t> pixels, labels;
  for (const std::string& name : files) {
    const fs::path path = dir / name;
    const std::vector<uint8_t> bytes = read_file(path);
    const size_t record = label_bytes + kPixels;
    check(!bytes.empty() && bytes.size() % record == 0, "{}: want records of {} bytes, got {} bytes", path.string(),
          record, bytes.size());
    for (size_t at = 0; at < bytes.size(); at += record) {
      check(bytes[at + which] < classes.size(), "{}: want labels below {}, got {} in record {}", path.string(),
            classes.size(), bytes[at + which], at / record);
      labels.push_back(bytes[at + which]);
      pixels.insert(pixels.end(), bytes.begin() + int64_t(at + label_bytes), bytes.begin() + int64_t(at + record));
    }
  }
  return std::make_shared<MemoryDataset>(std::move(pixels), kSide, kSide, MemoryDataset::Layout::planar_rgb,
                                         std::move(labels), classes, dir.string());
}

// `dir`, or the folder in it that the published archive unpacks to.
static fs::path binary_folder(const char* kind, const fs::path& dir, const char* archive) {
  std::error_code error;
  check(fs::is_directory(dir, error), "{}: no folder {}", kind, dir.string());
  return fs::is_directory(dir / archive, error) ? dir / archive : dir;
}

Split cifar10(const fs::path& folder) {
  const fs::path dir = binary_folder("cifar10", folder, "cifar-10-batches-bin");
  const std::vector<std::string> classes = class_names(dir / "batches.meta.txt", 10);
  return {read_records(
              dir, {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"},
              1, 0, classes),
          read_records(dir, {"test_batch.bin"}, 1, 0, classes)};
}

Split cifar100(const fs::path& folder, const Cifar100Options& options) {
  const bool coarse = options.coarse;
  const fs::path dir = binary_folder("cifar100", folder, "cifar-100-binary");
  const std::vector<std::string> classes =
      class_names(dir / (coarse ? "coarse_label_names.txt" : "fine_label_names.txt"), coarse ? 20 : 100);
  const size_t which = coarse ? 0 : 1;
  return {read_records(dir, {"train.bin"}, 2, which, classes), read_records(dir, {"test.bin"}, 2, which, classes)};
}

}  // namespace fovea::data
