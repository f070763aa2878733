#include <fovea/core/tensor.h>

#include <algorithm>

#include <fovea/core/allocator.h>
#include <fovea/core/autograd.h>
#include <fovea/core/check.h>
#include <fovea/core/cuda_graph.h>
#include <fovea/core/dispatch.h>
#include <fovea/kernels/copy.h>

namespace fovea {

void throw_no_cuda() {
  throw Error("this build of fovea has no CUDA backend (configure with -DFOVEA_CUDA=ON)");
}

void throw_wrong_dtype(const char* op, Dtype got, const char* wanted) {
  throw Error(fmt::format("{}: want {}, got {}", op, wanted, name_of(got)));
}

int cuda_devices() {
  if constexpr (kHasCuda) return kernels::cuda_devices();
  return 0;
}
bool capturing(Device device) {
  if constexpr (kHasCuda) return device.is_cuda() && kernels::cuda(device.index).capturing;
  return false;
}
Device default_device() {
  return cuda_devices() > 0 ? Device::cuda() : Device::cpu();
}

void Tensor::throw_undefined() {
  throw Error("tensor: this tensor is undefined (default-constructed)");
}

void Tensor::throw_dtype(Dtype wanted) const {
  throw Error(fmt::format("data: want a {} tensor, got {} {}", name_of(wanted), name_of(dtype()), shape()));
}

Tensor Tensor::over(Allocator& memory, Shape shape, Dtype dtype, Device device) {
  Tensor t;
  t.impl_ = std::make_shared<Impl>();
  int64_t numel = 1;
  for (int64_t size : shape)
    check(!__builtin_mul_overflow(numel, size, &numel) && numel < (int64_t(1) << 60), "empty: {} has too many elements",
          shape);
  t.impl_->numel = numel;
  t.impl_->storage = allocate_shared(memory, size_t(numel) * size_of(dtype));
  t.impl_->data = t.impl_->storage.get();
  t.impl_->shape = shape;
  t.impl_->dtype = dtype;
  t.impl_->device = device;
  return t;
}

Tensor Tensor::empty(Shape shape, Dtype dtype, Device device) {
  check(!(device.is_cuda() && dtype == Dtype::f64), "empty: f64 tensors live on the CPU only, got {}", device);
  return over(allocator(device), shape, dtype, device);
}

Tensor Tensor::pinned(Shape shape, Dtype dtype) {
  if constexpr (kHasCuda)
    if (cuda_devices() > 0) return over(pinned_allocator(), shape, dtype, Device::cpu());
  return empty(shape, dtype);
}

Tensor Tensor::full(Shape shape, double value, Dtype dtype, Device device) {
  return empty(shape, dtype, device).fill_(value);
}
Tensor Tensor::zeros(Shape shape, Dtype dtype, Device device) {
  return full(shape, 0, dtype, device);
}
Tensor Tensor::ones(Shape shape, Dtype dtype, Device device) {
  return full(shape, 1, dtype, device);
}

Tensor Tensor::arange(int64_t n) {
  Tensor t = empty({n}, Dtype::i64);
  for (int64_t i = 0; i < n; ++i) t.data<int64_t>()[i] = i;
  return t;
}

template <class T>
Tensor Tensor::from(Shape shape, const std::vector<T>& values) {
  check(shape.numel() == int64_t(values.size()), "from: want {} values for {}, got {}", shape.numel(), shape,
        values.size());
  Tensor t = empty(shape, dtype_of<T>);
  std::copy(values.begin(), values.end(), t.data<T>());
  return t;
}
template Tensor Tensor::from<float>(Shape, const std::vector<float>&);
template Tensor Tensor::from<double>(Shape, const std::vector<double>&);
template Tensor Tensor::from<bf16>(Shape, const std::vector<bf16>&);
template Tensor Tensor::from<int64_t>(Shape, const std::vector<int64_t>&);
template Tensor Tensor::from<uint8_t>(Shape, const std::vector<uint8_t>&);

int64_t Tensor::size(int dim) const {
  return shape()[shape().dim(dim, "size")];
}

double Tensor::item() const {
  check(numel() == 1, "item: want a tensor of one element, got {}", shape());
  return to_vector<double>()[0];
}

template <class T>
std::vector<T> Tensor::to_vector() const {
  Tensor converted = detach().to(Device::cpu()).to(dtype_of<T>);
  const T* begin = converted.data<T>();
  return std::vector<T>(begin, begin + converted.numel());
}
template std::vector<float> Tensor::to_vector<float>() const;
template std::vector<double> Tensor::to_vector<double>() const;
template std::vector<bf16> Tensor::to_vector<bf16>() const;
template std::vector<int64_t> Tensor::to_vector<int64_t>() const;
template std::vector<uint8_t> Tensor::to_vector<uint8_t>() const;

Tensor Tensor::view(Shape shape, int64_t offset_bytes) const {
  Tensor t;
  t.impl_ = std::make_shared<Impl>(impl());
  t.impl_->data = static_cast<char*>(t.impl_->data) + offset_bytes;
  t.impl_->shape = shape;
  t.impl_->numel = shape.numel();
  t.impl_->meta = nullptr;
  return t;
}

Tensor Tensor::reshape(const Shape& wanted) const {
  check(wanted.numel() == numel(), "reshape: want a shape of {} elements for {}, got {}", numel(), shape(), wanted);
  if (wanted == shape()) return *this;
  return record("reshape", view(wanted, 0), {*this},
                [shape = shape()](const Node&, const Tensor& dy) -> Grads { return {dy.reshape(shape)}; });
}

Tensor Tensor::reshape(const std::vector<int64_t>& sizes) const {
  int64_t known = 1;
  int unknown = -1;
  for (size_t i = 0; i < sizes.size(); ++i) {
    check(sizes[i] >= -1, "reshape: want sizes of at least 0 and at most one -1, got {}", sizes[i]);
    if (sizes[i] >= 0) {
      known *= sizes[i];
    } else {
      check(unknown < 0, "reshape: want at most one -1, got another as size {}", i);
      unknown = int(i);
    }
  }
  std::vector<int64_t> resolved = sizes;
  if (unknown >= 0) {
    check(known > 0 && numel() % known == 0, "reshape: want sizes whose product divides {} (of {}), got {}", numel(),
          shape(), known);
    resolved[size_t(unknown)] = numel() / known;
  }
  return reshape(Shape(resolved));
}

Tensor Tensor::slice(int64_t begin, int64_t end) const {
  check(rank() > 0 && begin >= 0 && begin <= end && end <= shape()[0],
        "slice: want rows within dimension 0 of {}, got [{}, {})", shape(), begin, end);
  if (begin == 0 && end == shape()[0]) return *this;
  Shape out = shape();
  out[0] = end - begin;
  int64_t row_bytes = shape()[0] ? int64_t(bytes()) / shape()[0] : 0;
  return record("slice", view(out, begin * row_bytes), {*this},
                [shape = shape(), begin, end](const Node&, const Tensor& dy) -> Grads {
                  Tensor dx = zeros(shape, dy.dtype(), dy.device());
                  dx.slice(begin, end).copy_(dy);
                  return {dx};
                });
}

Tensor Tensor::joined(const Tensor& next) const {
  Shape both = shape();
  if (rank() == 0 || next.rank() == 0 || dtype() != next.dtype() || impl().storage != next.impl().storage ||
      static_cast<const char*>(raw()) + bytes() != next.raw())
    return {};
  both[0] = next.shape()[0];
  if (both != next.shape()) return {};
  both[0] += shape()[0];
  return view(both, 0);
}

// Both tensors lie on one device.
static void cast_into(const Tensor& from, Tensor& to) {
  dispatch_all(from, "to", [&]<class From, class Context>(Context&) {
    dispatch_all(to, "to", [&]<class To, class Same>(Same& ctx) {
      if constexpr (std::is_same_v<Same, Context>)  // the other pairs of contexts do not occur
        kernels::cast(ctx, from.data<From>(), to.data<To>(), from.numel());
    });
  });
}

Tensor Tensor::to(Dtype wanted) const {
  if (dtype() == wanted) return *this;
  Tensor out = empty(shape(), wanted, device());
  cast_into(*this, out);
  if (!is_float(wanted)) return out;
  return record("to", out, {*this},
                [dtype = dtype()](const Node&, const Tensor& dy) -> Grads { return {dy.to(dtype)}; });
}

// The bytes of `from` at `to`, from one device to another.
static void copy_between(const Tensor& from, Tensor& to) {
  if constexpr (kHasCuda) {
    if (from.device().is_cpu())
      kernels::upload(kernels::cuda(to.device().index), from.raw(), to.raw(), from.bytes());
    else if (to.device().is_cpu())
      kernels::download(kernels::cuda(from.device().index), from.raw(), to.raw(), from.bytes());
    else
      to.copy_(from.detach().to(Device::cpu()));
  } else {
    throw_no_cuda();
  }
}

Tensor Tensor::to(Device wanted) const {
  if (device() == wanted) return *this;
  Tensor out = empty(shape(), dtype(), wanted);
  copy_between(*this, out);
  if (!is_float(dtype())) return out;
  return record("to", out, {*this},
                [device = device()](const Node&, const Tensor& dy) -> Grads { return {dy.to(device)}; });
}

Tensor Tensor::clone() const {
  Tensor t = empty(shape(), dtype(), device());
  dispatch(device(), [&](auto& ctx) { kernels::copy_bytes(ctx, raw(), t.raw(), bytes()); });
  return t;
}

Tensor Tensor::detach() const {
  return view(shape(), 0);
}

static void check_in_place(const Tensor& t, const char* op) {
  check(!grad_enabled() || !t.requires_grad(),
        "{}: want NoGrad to change a tensor {} that requires a gradient in place", op, t.shape());
}

Tensor& Tensor::fill_(double value) {
  check_in_place(*this, "fill_");
  dispatch_all(*this, "fill_", [&]<class T>(auto& ctx) {
    if constexpr (std::is_same_v<T, bf16>)
      kernels::fill(ctx, data<T>(), numel(), T(float(value)));
    else
      kernels::fill(ctx, data<T>(), numel(), T(value));
  });
  return *this;
}

Tensor& Tensor::copy_(const Tensor& from) {
  check_in_place(*this, "copy_");
  check(shape() == from.shape(), "copy_: want a source of shape {}, got {}", shape(), from.shape());
  Tensor source = from.detach().to(device());
  if (source.dtype() == dtype())
    dispatch(device(), [&](auto& ctx) { kernels::copy_bytes(ctx, source.raw(), raw(), bytes()); });
  else
    cast_into(source, *this);
  return *this;
}

Tensor& Tensor::move_(Device wanted) {
  check(is_leaf(), "move_: want a leaf, got the result of an op");
  if (device() == wanted) return *this;
  Tensor moved = detach().to(wanted), gradient = grad();
  impl_->storage = moved.impl_->storage;
  impl_->data = moved.impl_->data;
  impl_->device = wanted;
  if (gradient.defined()) set_grad(gradient.to(wanted));
  return *this;
}

}  // namespace fovea
