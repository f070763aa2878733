#include <fovea/core/shape.h>

#include <algorithm>

#include <fovea/core/check.h>

namespace fovea {

Shape::Shape(std::initializer_list<int64_t> sizes) {
  for (int64_t size : sizes) push_back(size);
}

Shape::Shape(const std::vector<int64_t>& sizes) {
  for (int64_t size : sizes) push_back(size);
}

int64_t Shape::numel() const {
  int64_t product = 1;
  for (int64_t size : *this) product *= size;
  return product;
}

void Shape::push_back(int64_t size) {
  insert(rank_, size);
}

void Shape::insert(int at, int64_t size) {
  check(rank_ < kMaxRank, "shape: want at most {} dimensions, got another one after {}", kMaxRank, str());
  check(size >= 0, "shape: want sizes of at least 0, got {}", size);
  std::copy_backward(sizes_ + at, sizes_ + rank_, sizes_ + rank_ + 1);
  sizes_[at] = size;
  ++rank_;
}

void Shape::erase(int at) {
  std::copy(sizes_ + at + 1, sizes_ + rank_, sizes_ + at);
  --rank_;
}

bool Shape::operator==(const Shape& other) const {
  return std::equal(begin(), end(), other.begin(), other.end());
}

std::string Shape::str() const {
  std::string out = "[";
  for (int i = 0; i < rank_; ++i) out += (i ? ", " : "") + std::to_string(sizes_[i]);
  return out + "]";
}

int Shape::dim(int dim, const char* op) const {
  check(dim >= -rank_ && dim < rank_, "{}: want a dimension of {}, got {}", op, str(), dim);
  return dim < 0 ? dim + rank_ : dim;
}

Shape broadcast(const Shape& a, const Shape& b, const char* op) {
  Shape out = a.rank() >= b.rank() ? a : b;
  for (int i = 1; i <= std::min(a.rank(), b.rank()); ++i) {
    int64_t x = a[-i], y = b[-i];
    check(x == y || x == 1 || y == 1, "{}: want shapes that broadcast, got {} and {}", op, a, b);
    out[-i] = x == 1 ? y : x;
  }
  return out;
}

}  // namespace fovea
