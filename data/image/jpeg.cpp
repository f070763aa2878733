#include <fovea/data/image/jpeg.h>

#include <algorithm>

#include <fovea/core/check.h>

#ifdef FOVEA_TURBOJPEG
#include <csetjmp>
#include <cstdio>  // jpeglib.h wants it

#include <jerror.h>
#include <jpeglib.h>
#else
#include <numeric>

#include <fovea/data/image/stb.h>
#endif

namespace fovea::data {

bool is_jpeg(std::span<const uint8_t> bytes) {
  return bytes.size() > 2 && bytes[0] == 0xFF && bytes[1] == 0xD8 && bytes[2] == 0xFF;
}

JpegHeader jpeg_header(std::span<const uint8_t> bytes, const std::string& name) {
  check(is_jpeg(bytes), "{}: want a JPEG file", name);
  size_t at = 2;
  while (at + 4 <= bytes.size()) {
    check(bytes[at] == 0xFF, "{}: corrupt JPEG, want a marker at byte {}", name, at);
    const int marker = bytes[at + 1];
    if (marker == 0xFF) {  // fill byte
      ++at;
      continue;
    }
    if (marker == 0x01 || (marker >= 0xD0 && marker <= 0xD7)) {  // markers without a segment
      at += 2;
      continue;
    }
    const size_t length = size_t(bytes[at + 2]) << 8 | bytes[at + 3];
    check(length >= 2 && marker != 0xDA && marker != 0xD9, "{}: corrupt JPEG, no frame header", name);
    const bool frame = marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
    if (frame) {
      check(length >= 8 && at + 2 + length <= bytes.size(), "{}: truncated JPEG header", name);
      const uint8_t* p = &bytes[at + 4];
      JpegHeader header{p[3] << 8 | p[4], p[1] << 8 | p[2], p[5]};
      check(header.width > 0 && header.height > 0, "{}: want a JPEG with pixels, got {} x {}", name, header.width,
            header.height);
      check(int64_t(header.width) * header.height <= Image::kMaxPixels,
            "{}: want at most {} pixels, got a JPEG of {} x {}", name, Image::kMaxPixels, header.width, header.height);
      check(header.components == 1 || header.components == 3,
            "{}: want a JPEG that is gray or RGB, got {} channels (CMYK?)", name, header.components);
      return header;
    }
    at += 2 + length;
  }
  throw Error(fmt::format("{}: truncated JPEG header", name));
}

#ifdef FOVEA_TURBOJPEG
namespace {

// libjpeg reports errors by leaving through longjmp, which must not skip destructors: the functions that set the jump
// (start, read_rows) hold plain values alone, and this object's destructor frees what the library has allocated.
class Decompressor {
 public:
  explicit Decompressor(std::span<const uint8_t> bytes) {
    info_.err = jpeg_std_error(&errors_);
    errors_.error_exit = leave;
    errors_.emit_message = on_warning;
    errors_.output_message = [](j_common_ptr) {};
    info_.client_data = this;
    created_ = create(bytes.data(), bytes.size());
  }
  ~Decompressor() { jpeg_destroy_decompress(&info_); }
  Decompressor(const Decompressor&) = delete;
  Decompressor& operator=(const Decompressor&) = delete;

  bool created() const { return created_; }
  const char* message() const { return message_; }
  int width() const { return int(info_.output_width); }
  int height() const { return int(info_.output_height); }

  // Reads the header and prepares to decode at 1/scale. The columns that will come are at least [*x, *x + *columns),
  // which becomes a range on block borders. False on an error.
  bool start(int scale, int* x, int* columns) {
    if (setjmp(jump_)) return false;
    jpeg_read_header(&info_, TRUE);
    info_.out_color_space = JCS_RGB;
    info_.scale_num = unsigned(8 / scale);
    info_.scale_denom = 8;
    info_.progress = &progress_;
    progress_.progress_monitor = on_progress;
    jpeg_start_decompress(&info_);
    JDIMENSION first = JDIMENSION(std::max(0, std::min(*x, width() - 1)));
    JDIMENSION count = JDIMENSION(std::max(1, std::min(*columns, width() - int(first))));
    if (int(count) < width()) jpeg_crop_scanline(&info_, &first, &count);
    *x = int(first);
    *columns = int(count);
    return true;
  }

  // Rows [y, y + rows) to `out`, `stride` bytes apart. False on an error.
  bool read_rows(int y, int rows, uint8_t* out, size_t stride) {
    if (setjmp(jump_)) return false;
    if (y > 0) jpeg_skip_scanlines(&info_, JDIMENSION(y));
    for (int i = 0; i < rows; ++i) {
      JSAMPROW row = out + size_t(i) * stride;
      jpeg_read_scanlines(&info_, &row, 1);
    }
    return true;
  }

 private:
  bool create(const uint8_t* data, size_t size) {
    if (setjmp(jump_)) return false;
    jpeg_create_decompress(&info_);
    jpeg_mem_src(&info_, data, static_cast<unsigned long>(size));
    return true;
  }
  static Decompressor& self(j_common_ptr info) { return *static_cast<Decompressor*>(info->client_data); }
  [[noreturn]] static void leave(j_common_ptr info) {
    (*info->err->format_message)(info, self(info).message_);
    std::longjmp(self(info).jump_, 1);
  }
  // As PIL, it takes damage within the data as it comes, but not a file that ends early.
  static void on_warning(j_common_ptr info, int level) {
    if (level < 0 && info->err->msg_code == JWRN_JPEG_EOF) leave(info);
  }
  // A small progressive file can hold any number of scans, each of them as much work as the whole picture.
  static void on_progress(j_common_ptr info) {
    if (reinterpret_cast<j_decompress_ptr>(info)->input_scan_number > 200) {
      std::snprintf(self(info).message_, JMSG_LENGTH_MAX, "more than 200 scans");
      std::longjmp(self(info).jump_, 1);
    }
  }

  jpeg_decompress_struct info_{};
  jpeg_error_mgr errors_{};
  jpeg_progress_mgr progress_{};
  std::jmp_buf jump_;
  char message_[JMSG_LENGTH_MAX] = "";
  bool created_ = false;
};

}  // namespace

JpegPart decode_jpeg_part(std::span<const uint8_t> bytes, const std::string& name, const Rect& rect, int scale) {
  jpeg_header(bytes, name);
  Decompressor jpeg(bytes);
  // The library interpolates colour across a pixel or two, which a cut would change: take some pixels more.
  constexpr int kMargin = 4;
  int x = std::max(0, rect.x / scale - kMargin);
  int columns = (rect.x + rect.width + scale - 1) / scale + kMargin - x;
  check(jpeg.created() && jpeg.start(scale, &x, &columns), "{}: cannot decode JPEG: {}", name, jpeg.message());
  const int y = std::min(rect.y / scale, jpeg.height() - 1);
  const int rows = std::min((rect.y + rect.height + scale - 1) / scale, jpeg.height()) - y;
  JpegPart part{Image(columns, rows)};
  check(jpeg.read_rows(y, rows, part.image.data(), size_t(columns) * 3), "{}: cannot decode JPEG: {}", name,
        jpeg.message());
  part.left = std::max(0.0, double(rect.x) / scale - x);
  part.top = std::max(0.0, double(rect.y) / scale - y);
  part.right = std::min<double>(columns, double(rect.x + rect.width) / scale - x);
  part.bottom = std::min<double>(rows, double(rect.y + rect.height) / scale - y);
  return part;
}

Image decode_jpeg(std::span<const uint8_t> bytes, const std::string& name) {
  const JpegHeader header = jpeg_header(bytes, name);
  return decode_jpeg_part(bytes, name, {0, 0, header.width, header.height}, 1).image;
}

#else

// stb_image (2022) writes past its tables when a Huffman table has more than 256 codes. Looks at every place where it
// could find one: among the segments before the first scan, at any byte after that.
static void check_huffman_tables(std::span<const uint8_t> bytes, const std::string& name) {
  bool scanning = false;
  for (size_t at = 2; at + 4 <= bytes.size();) {
    const int marker = bytes[at] == 0xFF ? bytes[at + 1] : 0;
    const size_t length = size_t(bytes[at + 2]) << 8 | bytes[at + 3];
    if (marker == 0xC4) {
      for (size_t table = at + 4; table < std::min(bytes.size(), at + 2 + length);) {
        const auto counts = bytes.subspan(table).first(std::min<size_t>(17, bytes.size() - table)).subspan(1);
        const size_t codes = std::accumulate(counts.begin(), counts.end(), size_t(0));
        check(codes <= 256, "{}: corrupt JPEG, want at most 256 Huffman codes, got {}", name, codes);
        table += 17 + codes;
      }
    }
    scanning = scanning || marker == 0xDA;
    const bool segment = !scanning && marker >= 0xC0 && marker <= 0xFE;
    at += segment ? 2 + length : 1;
  }
}

Image decode_jpeg(std::span<const uint8_t> bytes, const std::string& name) {
  const JpegHeader header = jpeg_header(bytes, name);
  // stb_image fills what a truncated file lacks with gray; the end marker tells.
  const uint8_t end[] = {0xFF, 0xD9};
  check(std::find_end(bytes.begin(), bytes.end(), end, end + 2) != bytes.end(), "{}: truncated JPEG", name);
  check_huffman_tables(bytes, name);
  return stb_decode(bytes, name, header.width, header.height);
}

JpegPart decode_jpeg_part(std::span<const uint8_t> bytes, const std::string& name, const Rect& rect, int) {
  JpegPart part{decode_jpeg(bytes, name)};
  part.left = rect.x, part.top = rect.y, part.right = rect.x + rect.width, part.bottom = rect.y + rect.height;
  return part;
}

#endif

}  // namespace fovea::data
