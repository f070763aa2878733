#include <fovea/core/ops/low_rank.h>

#include <fovea/core/autograd.h>
#include <fovea/core/check.h>
#include <fovea/core/dispatch.h>
#include <fovea/core/ops/arith.h>
#include <fovea/core/ops/shape.h>
#include <fovea/kernels/low_rank.h>

namespace fovea {

static Dtype adapter_dtype(const Tensor& weight) {
  return weight.dtype() == Dtype::f64 ? Dtype::f64 : Dtype::f32;
}

// As the kernels want it; undefined stays undefined.
static Tensor checked_adapter(const char* op, const char* name, const Tensor& t, const Tensor& weight,
                              const Shape& shape) {
  if (!t.defined()) return {};
  check(t.shape() == shape && is_float(t.dtype()) && t.device() == weight.device(),
        "{}: want {} {} on {} for a weight {}, got {} {} on {}", op, name, shape, weight.device(), weight.shape(),
        name_of(t.dtype()), t.shape(), t.device());
  return t.detach().to(adapter_dtype(weight));
}

namespace {

// The operands of one call, checked and in the kernels' dtypes.
struct Adapter {
  Tensor a, b, magnitude;
  double scale;

  Adapter(const char* op, const Tensor& weight, const Tensor& a_in, const Tensor& b_in, double s,
          const Tensor& magnitude_in)
      : scale(s) {
    check(weight.rank() == 2 && is_float(weight.dtype()), "{}: want a weight [out, in] of floating dtype, got {} {}",
          op, name_of(weight.dtype()), weight.shape());
    check(a_in.rank() == 2 && b_in.rank() == 2 && a_in.size(0) > 0 && weight.size(1) > 0,
          "{}: want a [rank, in] and b [out, rank] of rank 1 or more for a weight {}, got {} and {}", op,
          weight.shape(), a_in.shape(), b_in.shape());
    a = checked_adapter(op, "a", a_in, weight, {a_in.size(0), weight.size(1)});
    b = checked_adapter(op, "b", b_in, weight, {weight.size(0), a_in.size(0)});
    magnitude = checked_adapter(op, "magnitude", magnitude_in, weight, {weight.size(0)});
  }
  template <class T>
  kernels::LowRank<T> of() const {
    using A = kernels::accumulator_t<T>;
    return {
        .rows = b.size(0), .cols = a.size(1), .rank = a.size(0), .scale = scale, .a = a.data<A>(), .b = b.data<A>()};
  }
};

}  // namespace

template <class T>
static const T* data_or_null(const Tensor& t) {
  return t.defined() ? t.data<T>() : nullptr;
}

Tensor low_rank_merge(const Tensor& weight, const Tensor& a, const Tensor& b, double scale, const Tensor& magnitude,
                      Tensor* norm_out) {
  const Adapter adapter("low_rank_merge", weight, a, b, scale, magnitude);
  const Tensor m = adapter.magnitude;
  const Tensor norm = m.defined() ? Tensor::empty_like(m) : Tensor();
  const Tensor kept = m.defined() ? weight.detach() : Tensor();
  Tensor merged = Tensor::empty_like(weight);
  dispatch_float(weight, "low_rank_merge", [&]<class T>(auto& ctx) {
    using A = kernels::accumulator_t<T>;
    if (m.defined())
      kernels::dora_merge<T>(ctx, adapter.of<T>(), weight.data<T>(), m.data<A>(), merged.data<T>(),
                             Tensor(norm).data<A>());
    else
      kernels::low_rank_merge<T>(ctx, adapter.of<T>(), weight.data<T>(), merged.data<T>());
  });
  if (norm_out) *norm_out = norm;
  return record("low_rank_merge", merged, {weight, a, b, magnitude},
                [adapter, kept, norm](const Node& node, const Tensor& dy) -> Grads {
                  const Tensor& factor = adapter.magnitude;
                  Tensor da = Tensor::empty_like(adapter.a), db = Tensor::empty_like(adapter.b), dm, dweight;
                  if (norm.defined()) dm = Tensor::empty_like(norm);
                  if (node.needs_grad(1) || node.needs_grad(2) || node.needs_grad(3)) {
                    dispatch_float(dy, "low_rank_merge", [&]<class T>(auto& ctx) {
                      using A = kernels::accumulator_t<T>;
                      kernels::low_rank_backward<T>(
                          ctx, adapter.of<T>(), data_or_null<T>(kept), data_or_null<A>(factor), data_or_null<A>(norm),
                          dy.data<T>(),
                          {.a = da.data<A>(), .b = db.data<A>(), .magnitude = dm.defined() ? dm.data<A>() : nullptr});
                    });
                  }
                  if (node.needs_grad(0) && norm.defined())
                    dweight = (dy.to(norm.dtype()) * reshape(factor / norm, {norm.numel(), 1})).to(dy.dtype());
                  auto wanted = [&](int input, const Tensor& t) {
                    return t.defined() && node.needs_grad(input) ? t.to(node.inputs[size_t(input)]->dtype) : Tensor();
                  };
                  return {norm.defined() ? dweight : dy, wanted(1, da), wanted(2, db), wanted(3, dm)};
                });
}

Tensor low_rank_unmerge(const Tensor& merged, const Tensor& a, const Tensor& b, double scale, const Tensor& magnitude,
                        const Tensor& norm) {
  check(magnitude.defined() == norm.defined(), "low_rank_unmerge: want both magnitude and norm or neither");
  const Adapter adapter("low_rank_unmerge", merged, a, b, scale, magnitude);
  const Tensor n = checked_adapter("low_rank_unmerge", "norm", norm, merged, {merged.size(0)});
  Tensor weight = Tensor::empty_like(merged);
  dispatch_float(merged, "low_rank_unmerge", [&]<class T>(auto& ctx) {
    using A = kernels::accumulator_t<T>;
    kernels::low_rank_unmerge<T>(ctx, adapter.of<T>(), merged.data<T>(), data_or_null<A>(adapter.magnitude),
                                 data_or_null<A>(n), weight.data<T>());
  });
  return weight;
}

}  // namespace fovea
