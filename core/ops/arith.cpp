#include <fovea/core/ops/arith.h>

#include <cmath>

#include <fovea/core/ops/elementwise.h>
#include <fovea/core/ops/shape.h>
#include <fovea/kernels/copy.h>

namespace fovea {

Shape common_shape(const char* name, const Tensor& a, const Tensor& b) {
  check(a.dtype() == b.dtype() && a.device() == b.device(),
        "{}: want two tensors of one dtype and device, got {} on {} and {} on {}", name, name_of(a.dtype()), a.device(),
        name_of(b.dtype()), b.device());
  return a.shape() == b.shape() ? a.shape() : broadcast(a.shape(), b.shape(), name);
}

kernels::Broadcast broadcast_steps(const Shape& a, const Shape& b, const Shape& shape) {
  if (a == b) return {1, {shape.numel()}, {1}, {1}, shape.numel()};
  // Innermost dimension first; one dimension joins the next inner one when a, and b, are repeated in both or neither.
  int64_t size[Shape::kMaxRank], a_step[Shape::kMaxRank], b_step[Shape::kMaxRank], a_run = 1, b_run = 1;
  int rank = 0;
  for (int d = 1; d <= shape.rank(); ++d) {
    if (shape[-d] == 1) continue;
    bool has_a = d <= a.rank() && a[-d] != 1, has_b = d <= b.rank() && b[-d] != 1;
    if (rank > 0 && has_a == (a_step[rank - 1] != 0) && has_b == (b_step[rank - 1] != 0)) {
      size[rank - 1] *= shape[-d];
    } else {
      size[rank] = shape[-d];
      a_step[rank] = has_a ? a_run : 0;
      b_step[rank] = has_b ? b_run : 0;
      ++rank;
    }
    if (has_a) a_run *= shape[-d];
    if (has_b) b_run *= shape[-d];
  }
  kernels::Broadcast out;
  out.numel = shape.numel();
  out.rank = rank;
  for (int d = 0; d < rank; ++d) {
    out.size[d] = size[rank - 1 - d];
    out.a[d] = a_step[rank - 1 - d];
    out.b[d] = b_step[rank - 1 - d];
  }
  if (rank == 0) out.rank = 1, out.size[0] = out.a[0] = out.b[0] = 1;
  return out;
}

template <class Op>
static Tensor binary_value(const char* name, const Tensor& a, const Tensor& b, Op op, const kernels::Broadcast& steps,
                           const Shape& shape) {
  Tensor y = Tensor::empty(shape, a.dtype(), a.device());
  dispatch_float(a, name,
                 [&]<class T>(auto& ctx) { kernels::binary(ctx, op, a.data<T>(), b.data<T>(), y.data<T>(), steps); });
  return y;
}

// Ops whose derivatives are constants: 1 for a, `slope` for b.
template <class Op>
static Tensor linear_binary(const char* name, const Tensor& a, const Tensor& b, Op op, double slope) {
  Shape shape = common_shape(name, a, b);
  Tensor y = binary_value(name, a, b, op, broadcast_steps(a.shape(), b.shape(), shape), shape);
  return record(name, y, {a, b},
                [a_shape = a.shape(), b_shape = b.shape(), slope](const Node& node, const Tensor& dy) -> Grads {
                  Tensor da, db;
                  if (node.needs_grad(0)) da = sum_to(dy, a_shape);
                  if (node.needs_grad(1)) db = sum_to(dy, b_shape);
                  if (db.defined() && slope != 1) db = db * slope;
                  return {da, db};
                });
}

template <class Op>
static Tensor binary(const char* name, const Tensor& a, const Tensor& b, Op op) {
  Shape shape = common_shape(name, a, b);
  kernels::Broadcast steps = broadcast_steps(a.shape(), b.shape(), shape);
  Tensor y = binary_value(name, a, b, op, steps, shape);
  // Where a's derivative is a function of b alone, a is kept for b's gradient only.
  Tensor kept_a = b.requires_grad() || Op::kDaReadsA ? a : Tensor();
  auto backward = [name, op, kept_a, b, a_shape = a.shape(), steps](const Node& node, const Tensor& dy) -> Grads {
    auto gradient = [&](kernels::Operand operand, const Shape& of) {
      Tensor dx = Tensor::empty_like(dy);
      dispatch_float(dy, name, [&]<class T>(auto& ctx) {
        const T* values_of_a =
            (kept_a.defined() ? kept_a : dy).template data<T>();  // in place of an a that is not read
        kernels::binary_backward(ctx, op, operand, dy.data<T>(), values_of_a, b.data<T>(), dx.data<T>(), steps);
      });
      return sum_to(dx, of);
    };
    Tensor da, db;
    if (node.needs_grad(0)) da = gradient(kernels::Operand::a, a_shape);
    if (node.needs_grad(1)) db = gradient(kernels::Operand::b, b.shape());
    return {da, db};
  };
  return record(name, y, {a, b}, std::move(backward));
}

Tensor operator+(const Tensor& a, const Tensor& b) {
  return linear_binary("add", a, b, kernels::Add(), 1);
}
Tensor operator-(const Tensor& a, const Tensor& b) {
  return linear_binary("sub", a, b, kernels::Sub(), -1);
}
Tensor operator*(const Tensor& a, const Tensor& b) {
  return binary("mul", a, b, kernels::Mul());
}
Tensor operator/(const Tensor& a, const Tensor& b) {
  return binary("div", a, b, kernels::Div());
}
Tensor maximum(const Tensor& a, const Tensor& b) {
  return binary("maximum", a, b, kernels::Maximum());
}
Tensor minimum(const Tensor& a, const Tensor& b) {
  return binary("minimum", a, b, kernels::Minimum());
}

Tensor operator+(const Tensor& a, double b) {
  return unary("add", a, kernels::AddScalar{b});
}
Tensor operator-(const Tensor& a, double b) {
  return unary("sub", a, kernels::AddScalar{-b});
}
Tensor operator*(const Tensor& a, double b) {
  return unary("mul", a, kernels::MulScalar{b});
}
Tensor operator/(const Tensor& a, double b) {
  return unary("div", a, kernels::DivScalar{b});
}
Tensor operator+(double a, const Tensor& b) {
  return b + a;
}
Tensor operator-(double a, const Tensor& b) {
  return unary("sub", b, kernels::SubFromScalar{a});
}
Tensor operator*(double a, const Tensor& b) {
  return b * a;
}
Tensor operator/(double a, const Tensor& b) {
  return unary("div", b, kernels::DivFromScalar{a});
}
Tensor operator-(const Tensor& x) {
  return unary("neg", x, kernels::MulScalar{-1});
}

Tensor exp(const Tensor& x) {
  return unary("exp", x, kernels::Exp());
}
Tensor log(const Tensor& x) {
  return unary("log", x, kernels::Log());
}
Tensor sqrt(const Tensor& x) {
  return unary("sqrt", x, kernels::Sqrt());
}
Tensor square(const Tensor& x) {
  return unary("square", x, kernels::Square());
}
Tensor abs(const Tensor& x) {
  return unary("abs", x, kernels::Abs());
}
Tensor pow(const Tensor& x, double exponent) {
  return exponent == 2 ? unary("pow", x, kernels::Square()) : unary("pow", x, kernels::Pow{exponent});
}
Tensor clamp(const Tensor& x, double low, double high) {
  check(low <= high, "clamp: want low <= high, got {} and {}", low, high);
  return unary("clamp", x, kernels::Clamp{low, high});
}

template <class Op>
static Tensor compare(const char* name, const Tensor& a, const Tensor& b, Op op) {
  Shape shape = common_shape(name, a, b);
  Tensor y = Tensor::empty(shape, Dtype::u8, a.device());
  kernels::Broadcast steps = broadcast_steps(a.shape(), b.shape(), shape);
  dispatch_all(a, name, [&]<class T>(auto& ctx) {
    kernels::compare(ctx, op, a.data<T>(), b.data<T>(), y.data<uint8_t>(), steps);
  });
  return y;
}

// The number as a tensor that broadcasts against `like`.
static Tensor scalar_like(const char* name, double value, const Tensor& like) {
  double high = like.dtype() == Dtype::u8 ? 255 : 0x1p53, low = like.dtype() == Dtype::u8 ? 0 : -high;
  check(is_float(like.dtype()) || (value == std::trunc(value) && value >= low && value <= high),
        "{}: want a whole number in [{}, {}] to compare {} with, got {}", name, low, high, name_of(like.dtype()),
        value);
  return Tensor::full({}, value, like.dtype(), like.device());
}

Tensor operator==(const Tensor& a, const Tensor& b) {
  return compare("equal", a, b, kernels::Equal());
}
Tensor operator!=(const Tensor& a, const Tensor& b) {
  return compare("not_equal", a, b, kernels::NotEqual());
}
Tensor operator<(const Tensor& a, const Tensor& b) {
  return compare("less", a, b, kernels::Less());
}
Tensor operator<=(const Tensor& a, const Tensor& b) {
  return compare("less_equal", a, b, kernels::LessEqual());
}
Tensor operator>(const Tensor& a, const Tensor& b) {
  return compare("greater", b, a, kernels::Less());
}
Tensor operator>=(const Tensor& a, const Tensor& b) {
  return compare("greater_equal", b, a, kernels::LessEqual());
}
Tensor operator==(const Tensor& a, double b) {
  return a == scalar_like("equal", b, a);
}
Tensor operator!=(const Tensor& a, double b) {
  return a != scalar_like("not_equal", b, a);
}
Tensor operator<(const Tensor& a, double b) {
  return a < scalar_like("less", b, a);
}
Tensor operator<=(const Tensor& a, double b) {
  return a <= scalar_like("less_equal", b, a);
}
Tensor operator>(const Tensor& a, double b) {
  return a > scalar_like("greater", b, a);
}
Tensor operator>=(const Tensor& a, double b) {
  return a >= scalar_like("greater_equal", b, a);
}

Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b) {
  check(condition.dtype() == Dtype::u8, "where: want a u8 condition, got {}", name_of(condition.dtype()));
  Shape shape = broadcast(condition.shape(), common_shape("where", a, b), "where");
  Tensor c = expand(condition, shape), x = expand(a, shape), z = expand(b, shape);
  Tensor y = Tensor::empty_like(x);
  dispatch_all(x, "where", [&]<class T>(auto& ctx) {
    kernels::select(ctx, c.data<uint8_t>(), x.data<T>(), z.data<T>(), y.data<T>(), y.numel());
  });
  return record("where", y, {x, z}, [c](const Node& node, const Tensor& dy) -> Grads {
    Grads grads(2);
    for (int side = 0; side < 2; ++side) {
      if (!node.needs_grad(side)) continue;
      grads[size_t(side)] = Tensor::empty_like(dy);
      dispatch_float(dy, "where", [&]<class T>(auto& ctx) {
        const T *kept = dy.data<T>(), *zeros = nullptr;
        kernels::select(ctx, c.data<uint8_t>(), side ? zeros : kept, side ? kept : zeros, grads[size_t(side)].data<T>(),
                        dy.numel());
      });
    }
    return grads;
  });
}

static void check_in_place(const char* name, const Tensor& y) {
  check(!grad_enabled() || !y.requires_grad(),
        "{}: want NoGrad to change a tensor {} that requires a gradient in place", name, y.shape());
}

Tensor& add_(Tensor& y, const Tensor& x, double alpha) {
  check_in_place("add_", y);
  check(y.shape() == x.shape() && y.dtype() == x.dtype() && y.device() == x.device(),
        "add_: want two tensors of one shape, dtype and device, got {} {} and {} {}", name_of(y.dtype()), y.shape(),
        name_of(x.dtype()), x.shape());
  dispatch_float(y, "add_",
                 [&]<class T>(auto& ctx) { kernels::add_scaled(ctx, y.data<T>(), x.data<T>(), alpha, y.numel()); });
  return y;
}

Tensor& mul_(Tensor& y, double alpha) {
  check_in_place("mul_", y);
  dispatch_float(y, "mul_", [&]<class T>(auto& ctx) {
    kernels::unary(ctx, kernels::MulScalar{alpha}, y.data<T>(), y.data<T>(), y.numel());
  });
  return y;
}

Tensor& increment_(Tensor& x, int64_t by) {
  dispatch(x.device(), [&](auto& ctx) { kernels::increment(ctx, x.data<int64_t>(), x.numel(), by); });
  return x;
}

}  // namespace fovea
