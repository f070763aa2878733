#include <fovea/core/ops/reduce.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include <fovea/core/ops/arith.h>
#include <fovea/core/ops/elementwise.h>
#include <fovea/core/ops/shape.h>
#include <fovea/kernels/reduce.h>

namespace fovea {

namespace {

// A reduction of some dimensions as one of the middle of x[outer, reduce, inner].
struct Plan {
  Tensor x;  // permuted if the dimensions do not lie together
  Shape full, out;
  Dtype dtype;
  kernels::ReduceShape shape;

  Plan without_x() const { return {{}, full, out, dtype, shape}; }
};

Plan plan(const char* name, const Tensor& x, const std::vector<int>& dims, bool keepdim) {
  bool reduced[Shape::kMaxRank] = {};
  for (int dim : dims) {
    int d = x.shape().dim(dim, name);
    check(!reduced[d], "{}: want each dimension once, got {} twice", name, dim);
    reduced[d] = true;
  }
  if (dims.empty()) std::fill(std::begin(reduced), std::end(reduced), true);
  Plan p{x, x.shape(), {}, x.dtype(), {}};
  std::vector<int> kept_dims, reduced_dims;
  int first = -1, last = -1;  // of the reduced dimensions with more or fewer than one element
  for (int d = 0; d < x.rank(); ++d) {
    (reduced[d] ? reduced_dims : kept_dims).push_back(d);
    if (!reduced[d] || keepdim) p.out.push_back(reduced[d] ? 1 : x.shape()[d]);
    if (!reduced[d] || x.shape()[d] == 1) continue;
    if (first < 0) first = d;
    last = d;
  }
  bool together = true;
  for (int d = first; d <= last && first >= 0; ++d) together &= reduced[d] || x.shape()[d] == 1;
  if (together) {
    for (int d = 0; d < x.rank(); ++d)
      (first < 0 || d < first ? p.shape.outer : d > last ? p.shape.inner : p.shape.reduce) *= x.shape()[d];
  } else {
    for (int d : kept_dims) p.shape.outer *= x.shape()[d];
    for (int d : reduced_dims) p.shape.reduce *= x.shape()[d];
    kept_dims.insert(kept_dims.end(), reduced_dims.begin(), reduced_dims.end());
    p.x = permute(x, kept_dims);
    p.full = p.x.shape();
  }
  return p;
}

// The dtype that sums of `dtype` are kept in.
Dtype wide(Dtype dtype) {
  return dtype == Dtype::bf16 ? Dtype::f32 : dtype;
}

template <class T>
const kernels::accumulator_t<T>* wide_data(const Tensor& t) {
  return t.defined() ? t.data<kernels::accumulator_t<T>>() : nullptr;
}

// The kernels over tensors; `a` and what is on the reduced side are in wide().
template <class Map>
Tensor reduce_sum(const char* name, const Plan& p, const Tensor& a, double scale = 1) {
  Tensor y = Tensor::empty(p.out, wide(p.dtype), p.x.device());
  dispatch_float(p.x, name, [&]<class T>(auto& ctx) {
    kernels::reduce_sum<Map>(ctx, p.x.data<T>(), wide_data<T>(a), y.data<kernels::accumulator_t<T>>(), p.shape, scale);
  });
  return y;
}

Tensor reduce_extreme(const char* name, const Plan& p, bool largest) {
  check(p.shape.reduce > 0, "{}: want at least one element to reduce, got {}", name, p.full);
  Tensor y = Tensor::empty(p.out, wide(p.dtype), p.x.device());
  dispatch_float(p.x, name, [&]<class T>(auto& ctx) {
    auto* out = y.data<kernels::accumulator_t<T>>();
    largest ? kernels::reduce_max(ctx, p.x.data<T>(), out, p.shape)
            : kernels::reduce_min(ctx, p.x.data<T>(), out, p.shape);
  });
  return y;
}

template <class Map>
Tensor spread(const char* name, const Plan& p, const Tensor& slope, const Tensor& a, double scale = 1) {
  Tensor dx = Tensor::empty(p.full, p.dtype, slope.device());
  dispatch_float(dx, name, [&]<class T>(auto& ctx) {
    const T* x = p.x.defined() ? p.x.data<T>() : nullptr;
    kernels::reduce_spread<Map>(ctx, wide_data<T>(slope), x, wide_data<T>(a), dx.data<T>(), p.shape, scale);
  });
  return dx;
}

Tensor scaled_sum(const char* name, const Tensor& x, const std::vector<int>& dims, bool keepdim, bool divide) {
  Plan p = plan(name, x, dims, keepdim);
  double scale = divide ? 1.0 / double(p.shape.reduce) : 1;
  Tensor y = reduce_sum<kernels::Itself>(name, p, {}, scale).to(x.dtype());
  return record(name, y, {p.x}, [name, p = p.without_x(), scale](const Node&, const Tensor& dy) -> Grads {
    return {spread<kernels::One>(name, p, dy.to(wide(p.dtype)), {}, scale)};
  });
}

Tensor extreme(const char* name, const Tensor& x, const std::vector<int>& dims, bool keepdim, bool largest) {
  Plan p = plan(name, x, dims, keepdim);
  Tensor y = reduce_extreme(name, p, largest);
  return record(name, y.to(x.dtype()), {p.x}, [name, p, y](const Node&, const Tensor& dy) -> Grads {
    Tensor share = dy.to(wide(p.dtype)) / reduce_sum<kernels::EqualTo>(name, p, y);
    return {spread<kernels::EqualTo>(name, p, share, y)};
  });
}

// var, or its root: the gradient is 2 (x - mean) / divisor, divided by twice the root for std (0 where the root is 0).
Tensor variance(const char* name, const Tensor& x, const std::vector<int>& dims, double correction, bool keepdim,
                bool root) {
  Plan p = plan(name, x, dims, keepdim);
  double divisor = std::max(0.0, double(p.shape.reduce) - correction);
  Tensor centre = reduce_sum<kernels::Itself>(name, p, {}, 1.0 / double(p.shape.reduce));
  Tensor y = reduce_sum<kernels::CenteredSquare>(name, p, centre, 1 / divisor);
  if (root) y = sqrt(y);
  auto backward = [name, p, centre, divisor, deviation = root ? y : Tensor()](const Node&, const Tensor& dy) -> Grads {
    Tensor slope = dy.to(wide(p.dtype));
    if (deviation.defined()) slope = where(deviation == 0, Tensor::zeros_like(slope), slope / (deviation * 2));
    return {spread<kernels::Centered>(name, p, slope, centre, 2 / divisor)};
  };
  return record(name, y.to(x.dtype()), {p.x}, std::move(backward));
}

// x with dimension `dim` last, as [rows, cols], and back.
struct Rows {
  int dim;
  Shape moved;  // dim last
  int64_t rows, cols;

  Rows(const char* name, const Shape& shape, int d) : dim(shape.dim(d, name)), moved(shape) {
    cols = shape[dim];
    moved.erase(dim);
    rows = moved.numel();
    moved.push_back(cols);
  }
  Tensor in(const Tensor& x) const { return move(x, dim, -1); }
  Tensor out(const Tensor& y) const { return move(y, -1, dim); }

 private:
  Tensor move(const Tensor& x, int from, int to) const {
    if (dim == moved.rank() - 1) return x;
    std::vector<int> order(size_t(moved.rank()));
    std::iota(order.begin(), order.end(), 0);
    order.erase(from < 0 ? order.end() + from : order.begin() + from);
    order.insert(to < 0 ? order.end() + to + 1 : order.begin() + to, from < 0 ? moved.rank() + from : from);
    return permute(x, order);
  }
};

}  // namespace

Tensor sum_to(const Tensor& dy, const Shape& shape) {
  if (dy.shape() == shape) return dy;
  std::vector<int> repeated;
  int extra = dy.rank() - shape.rank();
  for (int d = 0; d < dy.rank(); ++d)
    if (d < extra || (shape[d - extra] == 1 && dy.shape()[d] != 1)) repeated.push_back(d);
  return (repeated.empty() ? dy : sum(dy, repeated)).reshape(shape);
}

Tensor sum(const Tensor& x, const std::vector<int>& dims, bool keepdim) {
  return scaled_sum("sum", x, dims, keepdim, false);
}
Tensor mean(const Tensor& x, const std::vector<int>& dims, bool keepdim) {
  return scaled_sum("mean", x, dims, keepdim, true);
}
Tensor max(const Tensor& x, const std::vector<int>& dims, bool keepdim) {
  return extreme("max", x, dims, keepdim, true);
}
Tensor min(const Tensor& x, const std::vector<int>& dims, bool keepdim) {
  return extreme("min", x, dims, keepdim, false);
}

Tensor var(const Tensor& x, const std::vector<int>& dims, double correction, bool keepdim) {
  return variance("var", x, dims, correction, keepdim, false);
}
Tensor std(const Tensor& x, const std::vector<int>& dims, double correction, bool keepdim) {
  return variance("std", x, dims, correction, keepdim, true);
}

Tensor logsumexp(const Tensor& x, const std::vector<int>& dims, bool keepdim) {
  Plan p = plan("logsumexp", x, dims, keepdim);
  Tensor y;
  {
    NoGrad no_grad;
    Tensor largest = reduce_extreme("logsumexp", p, true);
    Tensor shift = where(abs(largest) == INFINITY, Tensor::zeros_like(largest), largest);  // inf - inf would be NaN
    y = shift + log(reduce_sum<kernels::ExpShifted>("logsumexp", p, shift));
  }
  return record("logsumexp", y.to(x.dtype()), {p.x}, [p, y](const Node&, const Tensor& dy) -> Grads {
    return {spread<kernels::ExpShifted>("logsumexp", p, dy.to(wide(p.dtype)), y)};
  });
}

Tensor argmax(const Tensor& x, int dim, bool keepdim) {
  NoGrad no_grad;
  Plan p = plan("argmax", x, {dim}, keepdim);
  check(p.shape.reduce > 0, "argmax: want at least one element along dimension {}, got {}", dim, x.shape());
  Tensor y = Tensor::empty(p.out, Dtype::i64, x.device());
  dispatch_float(x, "argmax",
                 [&]<class T>(auto& ctx) { kernels::argmax(ctx, x.data<T>(), y.data<int64_t>(), p.shape); });
  return y;
}

Tensor normalize(const Tensor& x, int dim, double eps) {
  Rows rows("normalize", x.shape(), dim);
  Tensor moved = rows.in(x), y = Tensor::empty_like(moved);
  Tensor norm = Tensor::empty({rows.rows}, wide(x.dtype()), x.device());
  dispatch_float(x, "normalize", [&]<class T>(auto& ctx) {
    kernels::normalize_rows(ctx, moved.data<T>(), y.data<T>(), norm.data<kernels::accumulator_t<T>>(), rows.rows,
                            rows.cols, eps);
  });
  y = record("normalize", y, {moved}, [y, norm, rows, eps](const Node&, const Tensor& dy) -> Grads {
    Tensor dx = Tensor::empty_like(dy);
    dispatch_float(dy, "normalize", [&]<class T>(auto& ctx) {
      kernels::normalize_rows_backward(ctx, dy.data<T>(), y.data<T>(), wide_data<T>(norm), dx.data<T>(), rows.rows,
                                       rows.cols, eps);
    });
    return {dx};
  });
  return rows.out(y);
}

Tensor cosine_similarity(const Tensor& a, const Tensor& b, int dim, double eps) {
  Shape shape = common_shape("cosine_similarity", a, b);
  Rows rows("cosine_similarity", shape, dim);
  Tensor x = rows.in(expand(a, shape)), z = rows.in(expand(b, shape));
  Shape out = rows.moved;
  out.erase(out.rank() - 1);
  Tensor y = Tensor::empty(out, wide(a.dtype()), a.device()),
         norms = Tensor::empty({rows.rows, 2}, y.dtype(), a.device());
  dispatch_float(a, "cosine_similarity", [&]<class T>(auto& ctx) {
    using A = kernels::accumulator_t<T>;
    kernels::cosine_rows(ctx, x.data<T>(), z.data<T>(), y.data<A>(), norms.data<A>(), rows.rows, rows.cols, eps);
  });
  auto backward = [x, z, y, norms, rows, eps](const Node& node, const Tensor& dy) -> Grads {
    Tensor slope = dy.to(y.dtype()), dx, dz;
    if (node.needs_grad(0)) dx = Tensor::empty_like(x);
    if (node.needs_grad(1)) dz = Tensor::empty_like(z);
    dispatch_float(x, "cosine_similarity", [&]<class T>(auto& ctx) {
      kernels::cosine_rows_backward(ctx, wide_data<T>(slope), x.data<T>(), z.data<T>(), wide_data<T>(y),
                                    wide_data<T>(norms), dx.defined() ? dx.data<T>() : nullptr,
                                    dz.defined() ? dz.data<T>() : nullptr, rows.rows, rows.cols, eps);
    });
    return {dx, dz};
  };
  return record("cosine_similarity", y.to(a.dtype()), {x, z}, std::move(backward));
}

}  // namespace fovea
