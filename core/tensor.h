#pragma once

#include <cstdint>
#include <iosfwd>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <fovea/config.h>
#include <fovea/core/device.h>
#include <fovea/core/dtype.h>
#include <fovea/core/error.h>
#include <fovea/core/shape.h>

namespace fovea {

class Allocator;  // allocator.h
struct GradMeta;  // autograd.h

// A handle to a dense row-major array. Copying a Tensor shares its memory; so do reshape(), slice() and detach(), and
// nothing else makes a view. Every function throws Error when used on an undefined (default-constructed) Tensor.
class Tensor {
 public:
  Tensor() = default;

  // Uninitialised memory.
  static Tensor empty(Shape shape, Dtype dtype = Dtype::f32, Device device = Device::cpu());
  // On the CPU, in page-locked memory that CUDA devices copy from while the host goes on; where there is none, empty().
  static Tensor pinned(Shape shape, Dtype dtype = Dtype::f32);
  static Tensor full(Shape shape, double value, Dtype dtype = Dtype::f32, Device device = Device::cpu());
  static Tensor zeros(Shape shape, Dtype dtype = Dtype::f32, Device device = Device::cpu());
  static Tensor ones(Shape shape, Dtype dtype = Dtype::f32, Device device = Device::cpu());
  // 0, 1, ..., n - 1 as i64.
  static Tensor arange(int64_t n);
  // A copy of `values`, whose count must be the shape's: Tensor::from<float>({2, 2}, {1, 2, 3, 4}).
  template <class T>
  static Tensor from(Shape shape, const std::vector<T>& values);
  static Tensor empty_like(const Tensor& t) { return empty(t.shape(), t.dtype(), t.device()); }
  static Tensor zeros_like(const Tensor& t) { return zeros(t.shape(), t.dtype(), t.device()); }

  bool defined() const { return impl_ != nullptr; }
  const Shape& shape() const { return impl().shape; }
  int rank() const { return impl().shape.rank(); }
  int64_t size(int dim) const;  // negative counts from the end
  int64_t numel() const { return impl().numel; }
  size_t bytes() const { return size_t(numel()) * size_of(dtype()); }
  Dtype dtype() const { return impl().dtype; }
  Device device() const { return impl().device; }

  // The elements; throws Error unless T is the tensor's dtype.
  template <class T>
  T* data() {
    check_dtype(dtype_of<T>);
    return static_cast<T*>(impl_->data);
  }
  template <class T>
  const T* data() const {
    check_dtype(dtype_of<T>);
    return static_cast<const T*>(impl_->data);
  }
  void* raw() { return impl().data; }
  const void* raw() const { return impl().data; }
  // The value of a one-element tensor, from any device and dtype.
  double item() const;
  // All elements, converted, from any device and dtype.
  template <class T>
  std::vector<T> to_vector() const;

  // Differentiable. reshape: one size may be -1. slice: rows [begin, end) of dimension 0. Both share memory.
  Tensor reshape(const std::vector<int64_t>& sizes) const;
  Tensor reshape(std::initializer_list<int64_t> sizes) const { return reshape(std::vector<int64_t>(sizes)); }
  Tensor reshape(const Shape& shape) const;
  Tensor slice(int64_t begin, int64_t end) const;
  // Where `next` begins where this ends in the same memory, with rows of the same shape and dtype: both as one view
  // along dimension 0, without a graph. Undefined elsewhere.
  Tensor joined(const Tensor& next) const;
  // Differentiable. A tensor that already is what is asked for is returned as it is.
  Tensor to(Dtype dtype) const;
  Tensor to(Device device) const;

  Tensor clone() const;   // own memory, no graph
  Tensor detach() const;  // same memory, no graph

  // In place, for optimisers, buffers and data: Error while gradients are recorded if this tensor requires one.
  Tensor& fill_(double value);
  Tensor& copy_(const Tensor& from);  // same shape; converts dtype and device
  // A leaf's memory and gradient move to the device: every handle to it sees them there, views keep the old memory.
  Tensor& move_(Device device);

  // Autograd; the rules are in autograd.h.
  bool requires_grad() const;
  Tensor& set_requires_grad(bool on = true);  // leaves of floating dtype only
  bool is_leaf() const;
  Tensor grad() const;  // undefined until backward() has reached this leaf
  void set_grad(const Tensor& grad);
  void zero_grad() { set_grad({}); }
  void backward(bool retain_graph = false) const;
  // As backward(), starting from d(result)/d(this) = grad.
  void backward(const Tensor& grad, bool retain_graph = false) const;

  // True if both handles look at the same first byte.
  bool shares_memory(const Tensor& other) const {
    return defined() && other.defined() && impl_->data == other.impl_->data;
  }

 private:
  friend struct TensorAccess;  // autograd's window
  struct Impl {
    std::shared_ptr<void> storage;
    void* data = nullptr;
    Shape shape;
    int64_t numel = 0;
    Dtype dtype = Dtype::f32;
    Device device;
    std::shared_ptr<GradMeta> meta;
  };
  const Impl& impl() const {
    if (!impl_) [[unlikely]]
      throw_undefined();
    return *impl_;
  }
  Impl& impl() {
    if (!impl_) [[unlikely]]
      throw_undefined();
    return *impl_;
  }
  void check_dtype(Dtype wanted) const {
    if (impl().dtype != wanted) [[unlikely]]
      throw_dtype(wanted);
  }
  [[noreturn]] static void throw_undefined();
  [[noreturn]] void throw_dtype(Dtype wanted) const;
  Tensor view(Shape shape, int64_t offset_bytes) const;
  static Tensor over(Allocator& memory, Shape shape, Dtype dtype, Device device);

  std::shared_ptr<Impl> impl_;
};

// Prints as PyTorch does: tensor([[1.0000, 2.0000], [3.0000, 4.0000]]), long dimensions shortened to three at each end.
std::ostream& operator<<(std::ostream& out, const Tensor& t);
std::string to_string(const Tensor& t);

}  // namespace fovea
