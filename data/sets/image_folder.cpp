#include <fovea/data/sets/image_folder.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <system_error>

#include <fovea/core/check.h>

namespace fovea::data {

namespace fs = std::filesystem;

namespace {

struct Entry {
  fs::path path;
  int64_t label;
};

struct Listing {
  std::vector<std::string> classes;
  std::vector<Entry> entries;  // by class, then by path
};

bool is_image(const fs::path& path) {
  std::string suffix = path.extension().string();
  std::transform(suffix.begin(), suffix.end(), suffix.begin(), [](unsigned char c) { return char(std::tolower(c)); });
  return suffix == ".jpg" || suffix == ".jpeg" || suffix == ".png" || suffix == ".bmp";
}

Listing list(const fs::path& dir) {
  std::error_code error;
  check(fs::is_directory(dir, error), "imagefolder: no folder {}", dir.string());
  Listing listing;
  try {
    for (const auto& entry : fs::directory_iterator(dir))
      if (entry.is_directory()) listing.classes.push_back(entry.path().filename().string());
    std::sort(listing.classes.begin(), listing.classes.end());
    for (size_t label = 0; label < listing.classes.size(); ++label) {
      const fs::path folder = dir / listing.classes[label];
      std::vector<fs::path> paths;
      for (const auto& entry : fs::recursive_directory_iterator(folder))
        if (entry.is_regular_file() && is_image(entry.path())) paths.push_back(entry.path());
      check(!paths.empty(), "imagefolder: no JPEG, PNG or BMP image in class folder {}", folder.string());
      std::sort(paths.begin(), paths.end());
      for (fs::path& path : paths) listing.entries.push_back({std::move(path), int64_t(label)});
    }
  } catch (const fs::filesystem_error& e) {
    throw Error(fmt::format("imagefolder: cannot read folder: {}", e.what()));
  }
  check(!listing.classes.empty(), "imagefolder: want a folder for each class in {}, found none", dir.string());
  return listing;
}

class ImageFolder : public Dataset {
 public:
  ImageFolder(std::vector<std::string> classes, std::vector<Entry> entries, ImageFolderOptions options)
      : classes_(std::move(classes)), entries_(std::move(entries)), options_(options), cache_(entries_.size()) {}

  int64_t size() const override { return int64_t(entries_.size()); }
  int64_t label(int64_t i) const override { return entry(i).label; }
  const std::vector<std::string>& classes() const override { return classes_; }
  int image_size() const override { return options_.image_size; }

  Source get(int64_t i) const override {
    const Entry& file = entry(i);
    {
      std::lock_guard lock(mutex_);
      if (cache_[size_t(i)]) return Source(cache_[size_t(i)]);
    }
    Source source = Source::encoded(read_file(file.path), file.path.string());
    const size_t bytes = size_t(source.width()) * source.height() * Image::kChannels;
    if (cached_bytes_.fetch_add(bytes) + bytes > options_.cache_bytes) {
      cached_bytes_ -= bytes;
      return source;
    }
    std::shared_ptr<const Image> image;
    try {
      image = source.image();
    } catch (...) {
      cached_bytes_ -= bytes;
      throw;
    }
    std::lock_guard lock(mutex_);
    if (cache_[size_t(i)])
      cached_bytes_ -= bytes;  // another thread was faster
    else
      cache_[size_t(i)] = image;
    return Source(image);
  }

 private:
  const Entry& entry(int64_t i) const {
    check(i >= 0 && i < size(), "imagefolder: want an index in [0, {}), got {}", size(), i);
    return entries_[size_t(i)];
  }

  std::vector<std::string> classes_;
  std::vector<Entry> entries_;
  ImageFolderOptions options_;
  mutable std::mutex mutex_;
  mutable std::vector<std::shared_ptr<const Image>> cache_;
  mutable std::atomic<size_t> cached_bytes_{0};
};

}  // namespace

DatasetPtr image_folder(const fs::path& dir, ImageFolderOptions options) {
  Listing listing = list(dir);
  return std::make_shared<ImageFolder>(std::move(listing.classes), std::move(listing.entries), options);
}

Split image_folders(const fs::path& dir, ImageFolderOptions options) {
  std::error_code error;
  check(fs::is_directory(dir, error), "imagefolder: no folder {}", dir.string());
  if (fs::is_directory(dir / "train", error)) {
    const fs::path test = fs::is_directory(dir / "val", error) ? dir / "val" : dir / "test";
    Split split{image_folder(dir / "train", options), image_folder(test, options)};
    check(split.train->classes() == split.test->classes(),
          "imagefolder: want the same class folders in {} and {}, got {} and {} of them or other names",
          (dir / "train").string(), test.string(), split.train->classes().size(), split.test->classes().size());
    return split;
  }
  Listing listing = list(dir);
  std::vector<Entry> train, test;
  int64_t label = -1;
  for (size_t i = 0, in_class = 0; i < listing.entries.size(); ++i, ++in_class) {
    Entry& entry = listing.entries[i];
    if (entry.label != label) in_class = 0, label = entry.label;
    (in_class % 10 == 9 ? test : train).push_back(std::move(entry));
  }
  check(!test.empty(), "imagefolder: want at least ten images in some class of {} to hold one out for testing",
        dir.string());
  return {std::make_shared<ImageFolder>(listing.classes, std::move(train), options),
          std::make_shared<ImageFolder>(listing.classes, std::move(test), options)};
}

}  // namespace fovea::data
