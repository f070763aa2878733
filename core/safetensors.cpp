#include <fovea/core/safetensors.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <limits>
#include <optional>
#include <set>

#include <zlib.h>
#include <nlohmann/json.hpp>

#include <fovea/core/check.h>

namespace fovea {

namespace {

using nlohmann::json;

static_assert(std::endian::native == std::endian::little, "safetensors files are little-endian");

constexpr const char* kChecksum = "fovea.crc32";
constexpr uint64_t kMaxHeader = 100'000'000;  // the reference implementation's limit

// Every message of this file starts with the file it is about.
template <class... Args>
void check_file(bool ok, const std::filesystem::path& path, fmt::format_string<Args...> message, Args&&... args) {
  if (!ok) [[unlikely]]
    throw Error(fmt::format("{}: {}", path.string(), fmt::format(message, std::forward<Args>(args)...)));
}

class File {
 public:
  File(const std::filesystem::path& path, int flags) : fd_(::open(path.c_str(), flags | O_CLOEXEC, 0666)) {}
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  bool is_open() const { return fd_ >= 0; }
  int fd() const { return fd_; }

  // False at an error (errno says which) or at the end of the file (errno is 0).
  bool read(void* to, size_t bytes) {
    for (char* p = static_cast<char*>(to); bytes > 0;) {
      errno = 0;
      ssize_t n = ::read(fd_, p, bytes);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return false;
      p += n;
      bytes -= size_t(n);
    }
    return true;
  }
  bool write(const void* from, size_t bytes) {
    for (const char* p = static_cast<const char*>(from); bytes > 0;) {
      ssize_t n = ::write(fd_, p, bytes);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return false;
      p += n;
      bytes -= size_t(n);
    }
    return true;
  }
  // Some file systems report a full disk only here.
  bool close() { return ::close(std::exchange(fd_, -1)) == 0; }

 private:
  int fd_;
};

struct FileType {
  const char* name;
  std::optional<Dtype> dtype;  // absent for F16, which has no Dtype
  size_t size;
};

constexpr FileType kTypes[] = {{"F64", Dtype::f64, 8},   {"F32", Dtype::f32, 4}, {"BF16", Dtype::bf16, 2},
                               {"F16", std::nullopt, 2}, {"I64", Dtype::i64, 8}, {"U8", Dtype::u8, 1}};

const FileType* find_type(const std::string& name) {
  auto it = std::ranges::find_if(kTypes, [&](const FileType& t) { return name == t.name; });
  return it == std::end(kTypes) ? nullptr : it;
}

const char* type_name(Dtype dtype) {
  return std::ranges::find_if(kTypes, [&](const FileType& t) { return t.dtype == dtype; })->name;
}

float from_half(uint16_t h) {
  uint32_t sign = uint32_t(h & 0x8000) << 16, exponent = (h >> 10) & 31, mantissa = h & 1023;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000u | (mantissa << 13));
  if (exponent > 0) return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (mantissa << 13));
  float subnormal = float(mantissa) * 0x1p-24f;
  return sign ? -subnormal : subnormal;
}

// Of names, types, shapes, numbers (all on the CPU) and metadata.
std::string checksum(const SafeTensors& file) {
  uLong crc = crc32_z(0, nullptr, 0);
  auto add = [&](const void* bytes, size_t size) { crc = crc32_z(crc, static_cast<const Bytef*>(bytes), size); };
  auto add_text = [&](const std::string& text) { add(text.c_str(), text.size() + 1); };
  for (const auto& [key, value] : file.metadata) {
    add_text(key);
    add_text(value);
  }
  for (const auto& [name, t] : file.tensors) {
    add_text(name);
    add_text(type_name(t.dtype()));
    add_text(t.shape().str());
    if (t.bytes() > 0) add(t.raw(), t.bytes());
  }
  return fmt::format("{:08x}", crc);
}

struct Entry {
  std::string name;
  const FileType* type = nullptr;
  Shape shape;
  uint64_t begin = 0, end = 0;
};

std::string quote(const std::string& name) {
  return name.size() <= 200 ? fmt::format("\"{}\"", name) : fmt::format("\"{}...\"", name.substr(0, 200));
}

// Parses the header, refusing what nlohmann would let pass: repeated keys, and depths that no header has.
json parse_header(const std::filesystem::path& path, const std::string& text) {
  std::vector<std::set<std::string>> keys;
  auto watch = [&](int depth, json::parse_event_t event, json& value) {
    check_file(depth <= 3, path, "the header is nested deeper than a safetensors header can be");
    if (event == json::parse_event_t::object_start) keys.emplace_back();
    if (event == json::parse_event_t::object_end) keys.pop_back();
    if (event == json::parse_event_t::key) {
      const std::string& key = value.get_ref<const std::string&>();
      check_file(keys.back().insert(key).second, path, "{} appears twice in the header", quote(key));
    }
    return true;
  };
  // The parser would take a NUL for the end of the text.
  json header = text.find('\0') == std::string::npos ? json::parse(text, watch, false) : json();
  check_file(header.is_object(), path,
             "the header is not a JSON object; this is no safetensors file, or a damaged one");
  return header;
}

Entry parse_entry(const std::filesystem::path& path, const std::string& name, const json& value, uint64_t data_bytes) {
  Entry entry;
  entry.name = name;
  check_file(value.is_object() && value.size() == 3 && value.contains("dtype") && value.contains("shape") &&
                 value.contains("data_offsets"),
             path, "the header's entry for {} is not an object with dtype, shape and data_offsets", quote(name));

  const json& type = value["dtype"];
  check_file(type.is_string(), path, "the dtype of {} is not a string", quote(name));
  entry.type = find_type(type.get_ref<const std::string&>());
  check_file(entry.type != nullptr, path, "{} has dtype {}; fovea reads F64, F32, BF16, F16, I64 and U8", quote(name),
             quote(type.get_ref<const std::string&>()));

  const json& shape = value["shape"];
  check_file(shape.is_array() && shape.size() <= size_t(Shape::kMaxRank), path,
             "the shape of {} is not a list of at most {} sizes", quote(name), int(Shape::kMaxRank));
  uint64_t bytes = entry.type->size;
  bool fits = true;
  for (const json& size : shape) {
    check_file(size.is_number_unsigned() && size.get<uint64_t>() <= uint64_t(std::numeric_limits<int64_t>::max()), path,
               "the shape of {} holds something else than a size", quote(name));
    entry.shape.push_back(size.get<int64_t>());
    fits = !__builtin_mul_overflow(bytes, size.get<uint64_t>(), &bytes) && fits;
  }

  const json& offsets = value["data_offsets"];
  check_file(
      offsets.is_array() && offsets.size() == 2 && offsets[0].is_number_unsigned() && offsets[1].is_number_unsigned(),
      path, "the data_offsets of {} are not two offsets", quote(name));
  entry.begin = offsets[0].get<uint64_t>();
  entry.end = offsets[1].get<uint64_t>();
  check_file(entry.begin <= entry.end && entry.end <= data_bytes, path,
             "{} lies at bytes [{}, {}) of the data, but the file holds {} bytes of data; it is truncated or damaged",
             quote(name), entry.begin, entry.end, data_bytes);
  check_file(fits && bytes == entry.end - entry.begin, path, "{} is {} of shape {}, which does not fill its {} bytes",
             quote(name), entry.type->name, entry.shape, entry.end - entry.begin);
  return entry;
}

Tensor read_tensor(File& in, const std::filesystem::path& path, const Entry& entry) {
  Tensor t = Tensor::empty(entry.shape, entry.type->dtype.value_or(Dtype::f32));
  bool ok;
  if (entry.type->dtype) {
    ok = in.read(t.raw(), t.bytes());
  } else {
    std::vector<uint16_t> halves(size_t(t.numel()));
    ok = in.read(halves.data(), halves.size() * sizeof(uint16_t));
    std::ranges::transform(halves, t.data<float>(), from_half);
  }
  check_file(ok, path, "cannot read {}: {}", quote(entry.name), errno ? std::strerror(errno) : "the file ends early");
  return t;
}

}  // namespace

SafeTensors load_safetensors(const std::filesystem::path& path) {
  File in(path, O_RDONLY | O_NONBLOCK);  // a FIFO must not block
  check_file(in.is_open(), path, "cannot open: {}", std::strerror(errno));
  struct stat info {};
  check_file(::fstat(in.fd(), &info) == 0 && S_ISREG(info.st_mode), path, "not a file");
  uint64_t file_bytes = uint64_t(info.st_size), header_bytes = 0;
  check_file(file_bytes >= 8 && in.read(&header_bytes, 8), path, "{} bytes are too few for a safetensors file",
             file_bytes);
  check_file(header_bytes <= kMaxHeader, path,
             "the header claims {} bytes, the limit is {}; this is no safetensors file, or a damaged one", header_bytes,
             kMaxHeader);
  check_file(header_bytes <= file_bytes - 8, path,
             "the header claims {} bytes, but the file has {}; it is truncated or damaged", header_bytes, file_bytes);
  std::string text(header_bytes, '\0');
  check_file(in.read(text.data(), text.size()), path, "cannot read the header");
  uint64_t data_bytes = file_bytes - 8 - header_bytes;

  SafeTensors out;
  std::vector<Entry> entries;
  json header = parse_header(path, text);
  for (const auto& [name, value] : header.items()) {
    if (name != "__metadata__") {
      entries.push_back(parse_entry(path, name, value, data_bytes));
      continue;
    }
    check_file(value.is_object(), path, "__metadata__ is not an object");
    for (const auto& [key, item] : value.items()) {
      check_file(item.is_string(), path, "the metadata {} is not a string", quote(key));
      out.metadata[key] = item.get<std::string>();
    }
  }

  std::ranges::sort(entries, {}, [](const Entry& e) { return std::pair(e.begin, e.end); });
  uint64_t at = 0;
  for (const Entry& entry : entries) {
    check_file(entry.begin == at, path, "{} starts at byte {} of the data where {} was expected: {}", quote(entry.name),
               entry.begin, at, entry.begin < at ? "tensors overlap" : "bytes belong to no tensor");
    at = entry.end;
  }
  check_file(at == data_bytes, path, "the last {} bytes belong to no tensor", data_bytes - at);
  for (const Entry& entry : entries) out.tensors.emplace(entry.name, read_tensor(in, path, entry));
  if (auto written = out.metadata.extract(kChecksum))
    check_file(written.mapped() == checksum(out), path, "the content does not have its checksum; the file is damaged");
  return out;
}

namespace {

// Larger elements first, so that every tensor is aligned to its element size; then by name.
std::vector<std::pair<std::string, Tensor>> in_file_order(const SafeTensors& file) {
  std::vector<std::pair<std::string, Tensor>> out(file.tensors.begin(), file.tensors.end());
  std::ranges::stable_sort(out, std::greater{}, [](const auto& named) { return size_of(named.second.dtype()); });
  return out;
}

std::string make_header(const std::filesystem::path& path, const SafeTensors& file,
                        const std::vector<std::pair<std::string, Tensor>>& tensors) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!file.metadata.empty()) header["__metadata__"] = file.metadata;
  uint64_t at = 0;
  for (const auto& [name, t] : tensors) {
    check_file(name != "__metadata__", path, "no tensor can have the name __metadata__");
    header[name] = {{"dtype", type_name(t.dtype())},
                    {"shape", std::vector<int64_t>(t.shape().begin(), t.shape().end())},
                    {"data_offsets", {at, at + t.bytes()}}};
    at += t.bytes();
  }
  std::string text;
  try {
    text = header.dump();
  } catch (const json::exception&) {
    check_file(false, path, "names and metadata must be UTF-8");
  }
  text.resize((text.size() + 7) / 8 * 8, ' ');
  check_file(text.size() <= kMaxHeader, path, "names and metadata take {} bytes, the limit is {}", text.size(),
             kMaxHeader);
  return text;
}

// Removes the temporary file unless it became the real one.
struct Temporary {
  std::filesystem::path path;
  bool keep = false;
  ~Temporary() {
    if (!keep) ::unlink(path.c_str());
  }
};

}  // namespace

void save_safetensors(const std::filesystem::path& path, const SafeTensors& content) {
  SafeTensors file{{}, content.metadata};
  for (const auto& [name, t] : content.tensors) file.tensors.emplace(name, t.to(Device::cpu()));
  file.metadata.erase(kChecksum);
  file.metadata[kChecksum] = checksum(file);
  auto tensors = in_file_order(file);
  std::string header = make_header(path, file, tensors);
  uint64_t header_bytes = header.size();

  std::filesystem::path temporary_path = path;
  temporary_path += ".tmp";
  File out(temporary_path, O_WRONLY | O_CREAT | O_TRUNC);
  check_file(out.is_open(), path, "cannot write: {}", std::strerror(errno));
  Temporary temporary{temporary_path};
  bool ok = out.write(&header_bytes, 8) && out.write(header.data(), header.size());
  for (const auto& [name, t] : tensors) ok = ok && out.write(t.raw(), t.bytes());
  ok = ok && ::fsync(out.fd()) == 0 && out.close() && ::rename(temporary_path.c_str(), path.c_str()) == 0;
  check_file(ok, path, "cannot write: {}", std::strerror(errno));
  temporary.keep = true;

  // The rename itself survives a power cut only once the folder is on disk.
  File folder(path.has_parent_path() ? path.parent_path() : ".", O_RDONLY | O_DIRECTORY);
  if (folder.is_open()) ::fsync(folder.fd());
}

}  // namespace fovea
