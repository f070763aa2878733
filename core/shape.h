#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

namespace fovea {

// The sizes of a tensor's dimensions, outermost first: at most 6, held inline. Prints as [32, 56, 56, 64].
class Shape {
 public:
  static constexpr int kMaxRank = 6;

  Shape() = default;
  Shape(std::initializer_list<int64_t> sizes);
  explicit Shape(const std::vector<int64_t>& sizes);

  int rank() const { return rank_; }
  int64_t numel() const;  // 1 for rank 0
  // Dimension i, counted from the end when negative; unchecked beyond the rank in release builds of the caller's loop.
  int64_t operator[](int i) const { return sizes_[i < 0 ? i + rank_ : i]; }
  int64_t& operator[](int i) { return sizes_[i < 0 ? i + rank_ : i]; }
  int64_t back() const { return sizes_[rank_ - 1]; }
  const int64_t* begin() const { return sizes_; }
  const int64_t* end() const { return sizes_ + rank_; }
  void push_back(int64_t size);  // throws Error beyond 6 dimensions
  void insert(int at, int64_t size);
  void erase(int at);
  bool operator==(const Shape& other) const;
  std::string str() const;

  // The non-negative form of dimension `dim` of a tensor of this shape; throws Error naming `op` when out of range.
  int dim(int dim, const char* op) const;

 private:
  int64_t sizes_[kMaxRank] = {};
  int rank_ = 0;
};

// The shape that a and b broadcast to, as in NumPy and PyTorch; throws Error naming `op` when they do not.
Shape broadcast(const Shape& a, const Shape& b, const char* op);

}  // namespace fovea
