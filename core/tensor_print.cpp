#include <algorithm>
#include <cmath>
#include <ostream>

#include <fovea/core/check.h>
#include <fovea/core/tensor.h>

namespace fovea {

namespace {

constexpr int64_t kSummarizeAbove = 1000, kEdge = 3;
constexpr size_t kLineWidth = 80;

// How all elements of one tensor are written: the same width and precision, as PyTorch chooses them.
class ElementFormat {
 public:
  ElementFormat(const std::vector<double>& shown, bool integral) : integral_(integral) {
    double largest = 0, smallest = INFINITY;
    bool whole = true;
    for (double v : shown) {
      if (!std::isfinite(v)) continue;
      if (v != 0) {
        largest = std::max(largest, std::abs(v));
        smallest = std::min(smallest, std::abs(v));
      }
      whole = whole && v == std::trunc(v);
    }
    whole_ = whole;
    if (!integral_)
      scientific_ =
          whole ? largest >= 1e8 : largest >= 1e8 || (largest > 0 && (largest / smallest > 1000 || smallest < 1e-4));
    for (double v : shown) width_ = std::max(width_, text(v).size());
  }
  std::string operator()(double v) const { return fmt::format("{:>{}}", text(v), width_); }

 private:
  std::string text(double v) const {
    if (integral_) return fmt::format("{:.0f}", v);
    if (!std::isfinite(v)) return std::isnan(v) ? "nan" : v > 0 ? "inf" : "-inf";
    if (scientific_) return fmt::format("{:.4e}", v);
    return whole_ ? fmt::format("{:.0f}.", v) : fmt::format("{:.4f}", v);
  }
  bool integral_, scientific_ = false, whole_ = false;
  size_t width_ = 0;
};

class Printer {
 public:
  Printer(const Tensor& t, std::vector<double> values)
      : shape_(t.shape()),
        values_(std::move(values)),
        short_(t.numel() > kSummarizeAbove),
        format_(shown(), !is_float(t.dtype())) {}

  std::string str() { return block(0, 0, 7); }

 private:
  // Calls f(i) for the rows of dimension `dim` that are shown; -1 stands for the gap.
  template <class F>
  void each(int dim, F&& f) const {
    int64_t n = shape_[dim];
    bool cut = short_ && n > 2 * kEdge;
    for (int64_t i = 0; i < n; ++i) {
      if (cut && i == kEdge) {
        f(-1);
        i = n - kEdge;
      }
      f(i);
    }
  }

  int64_t stride(int dim) const {
    int64_t product = 1;
    for (int i = dim + 1; i < shape_.rank(); ++i) product *= shape_[i];
    return product;
  }

  void collect(int dim, int64_t offset, std::vector<double>& out) const {
    if (dim == shape_.rank()) return out.push_back(values_[size_t(offset)]);
    each(dim, [&](int64_t i) {
      if (i >= 0) collect(dim + 1, offset + i * stride(dim), out);
    });
  }
  std::vector<double> shown() const {
    std::vector<double> out;
    collect(0, 0, out);
    return out;
  }

  std::string block(int dim, int64_t offset, size_t indent) const {
    if (dim == shape_.rank()) return format_(values_[size_t(offset)]);
    bool last = dim == shape_.rank() - 1;
    std::string out = "[",
                between = last ? ", " : fmt::format(",{:\n<{}}{:{}}", "", shape_.rank() - 1 - dim, "", indent + 1);
    size_t line = indent + 1;
    bool first = true;
    each(dim, [&](int64_t i) {
      std::string item = i < 0 ? "..." : block(dim + 1, offset + i * stride(dim), indent + 1);
      if (!first) {
        out += last && line + item.size() + 2 > kLineWidth ? ",\n" + std::string(indent + 1, ' ') : between;
        if (last && line + item.size() + 2 > kLineWidth) line = indent + 1;
      }
      line += item.size() + 2;
      out += item;
      first = false;
    });
    return out + "]";
  }

  Shape shape_;
  std::vector<double> values_;
  bool short_;
  ElementFormat format_;
};

}  // namespace

std::string to_string(const Tensor& t) {
  if (!t.defined()) return "tensor(undefined)";
  std::string out = "tensor(" + Printer(t, t.to_vector<double>()).str();
  if (t.numel() == 0) out += fmt::format(", size={}", t.shape());
  if (t.dtype() != Dtype::f32 && t.dtype() != Dtype::i64) out += fmt::format(", dtype={}", name_of(t.dtype()));
  if (t.device().is_cuda()) out += fmt::format(", device='{}'", t.device());
  if (t.requires_grad()) out += t.is_leaf() ? ", requires_grad=True" : ", grad_fn";
  return out + ")";
}

std::ostream& operator<<(std::ostream& out, const Tensor& t) {
  return out << to_string(t);
}

}  // namespace fovea
