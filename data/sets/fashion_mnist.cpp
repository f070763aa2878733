#include <fovea/data/sets/fashion_mnist.h>

#include <algorithm>
#include <memory>
#include <system_error>

#include <zlib.h>

#include <fovea/core/check.h>
#include <fovea/data/sets/memory_dataset.h>

namespace fovea::data {

namespace fs = std::filesystem;

// Reads `size` bytes, no more, of a plain or gzipped file.
class GzipFile {
 public:
  explicit GzipFile(const fs::path& path) : path_(path), file_(gzopen(path.c_str(), "rb")) {
    check(file_ != nullptr, "{}: cannot open file", path.string());
    gzbuffer(file_.get(), 1 << 17);
  }

  std::vector<uint8_t> read(size_t size) {
    std::vector<uint8_t> bytes;
    // Grows as data comes: a corrupt header cannot make it reserve what the file does not hold.
    constexpr size_t kPiece = size_t(1) << 22;
    while (bytes.size() < size) {
      const size_t at = bytes.size(), want = std::min(kPiece, size - at);
      bytes.resize(at + want);
      const int got = gzread(file_.get(), bytes.data() + at, unsigned(want));
      check_error();
      check(got == int(want), "{}: truncated file: want {} bytes, got {}", path_.string(), size,
            at + size_t(std::max(0, got)));
    }
    return bytes;
  }

  void check_at_end() {
    uint8_t more;
    const int got = gzread(file_.get(), &more, 1);
    check_error();
    check(got == 0, "{}: want no data after the last item, got some", path_.string());
  }

 private:
  void check_error() {
    int code = Z_OK;
    const char* message = gzerror(file_.get(), &code);
    check(code == Z_OK, "{}: corrupt or truncated gzip: {}", path_.string(), message);
  }

  struct Close {
    void operator()(gzFile file) const { gzclose(file); }
  };
  fs::path path_;
  std::unique_ptr<std::remove_pointer_t<gzFile>, Close> file_;
};

struct Idx {
  std::vector<int64_t> sizes;
  std::vector<uint8_t> bytes;
};

// An IDX file of bytes with `rank` dimensions: magic 0x0800 + rank, the sizes as big-endian 32-bit numbers, the data.
static Idx read_idx_file(const fs::path& path, int rank) {
  GzipFile file(path);
  auto number = [&] {
    const std::vector<uint8_t> b = file.read(4);
    return int64_t(b[0]) << 24 | int64_t(b[1]) << 16 | int64_t(b[2]) << 8 | b[3];
  };
  const int64_t magic = number();
  check(magic == 0x800 + rank, "{}: want an IDX file with magic number {:#x}, got {:#x}", path.string(), 0x800 + rank,
        magic);
  Idx idx;
  int64_t total = 1;
  for (int i = 0; i < rank; ++i) {
    idx.sizes.push_back(number());
    check(idx.sizes.back() > 0 && idx.sizes.back() <= (int64_t(1) << 32) / total,
          "{}: want sizes above 0 and at most 4 GiB in all, got {} as size {}", path.string(), idx.sizes.back(), i);
    total *= idx.sizes.back();
  }
  idx.bytes = file.read(size_t(total));
  file.check_at_end();
  return idx;
}

DatasetPtr read_idx(const fs::path& images, const fs::path& labels, std::vector<std::string> classes) {
  Idx x = read_idx_file(images, 3), y = read_idx_file(labels, 1);
  check(x.sizes[0] == y.sizes[0], "{}: want {} images, as many as {} has labels, got {}", images.string(), y.sizes[0],
        labels.string(), x.sizes[0]);
  check(x.sizes[1] * x.sizes[2] <= Image::kMaxPixels, "{}: want at most {} pixels an image, got {} x {}",
        images.string(), Image::kMaxPixels, x.sizes[2], x.sizes[1]);
  return std::make_shared<MemoryDataset>(std::move(x.bytes), int(x.sizes[2]), int(x.sizes[1]),
                                         MemoryDataset::Layout::gray, std::move(y.bytes), std::move(classes),
                                         labels.string());
}

static fs::path plain_or_gzipped(const fs::path& dir, const std::string& name) {
  for (const char* suffix : {"", ".gz"}) {
    fs::path path = dir / (name + suffix);
    std::error_code error;
    if (fs::exists(path, error)) return path;
  }
  throw Error(fmt::format("fashion-mnist: want {} or {}.gz in {}, found neither", name, name, dir.string()));
}

Split fashion_mnist(const fs::path& dir) {
  std::error_code error;
  check(fs::is_directory(dir, error), "fashion-mnist: no folder {}{}", dir.string(),
        dir == kFashionMnistDir ? "; install Debian's package dataset-fashion-mnist, or name another: fashion-mnist:DIR"
                                : "");
  const std::vector<std::string> classes{"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
                                         "Sandal",      "Shirt",   "Sneaker",  "Bag",   "Ankle boot"};
  auto part = [&](const std::string& name) {
    const fs::path images = plain_or_gzipped(dir, name + "-images-idx3-ubyte");
    return read_idx(images, plain_or_gzipped(dir, name + "-labels-idx1-ubyte"), classes);
  };
  return {part("train"), part("t10k")};
}

}  // namespace fovea::data
