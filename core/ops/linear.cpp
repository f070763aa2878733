#include <fovea/core/ops/linear.h>

#include <algorithm>
#include <type_traits>
#include <vector>

#include <fovea/core/autocast.h>
#include <fovea/core/autograd.h>
#include <fovea/core/check.h>
#include <fovea/core/dispatch.h>
#include <fovea/core/ops/activation.h>
#include <fovea/kernels/matmul.h>

namespace fovea {
namespace {

using kernels::MatmulSizes;

// A batch of products C = op(A) op(B) over broadcast leading dimensions. Steps count matrices; 0 repeats an operand,
// and for the result it adds up.
struct Product {
  struct Loop {
    int64_t count, a, b, c;
  };
  int64_t m, n, k;
  bool transpose_a, transpose_b;
  std::vector<Loop> loops;  // outermost first
};

// All dimensions but the last `count`.
Shape leading(const Shape& shape, int count) {
  return Shape(std::vector<int64_t>(shape.begin(), shape.end() - count));
}

// Loops over the dimensions of `out` in which a, b and c take steps or stay, neighbours that step alike joined.
std::vector<Product::Loop> loops_over(const Shape& out, const Shape& a, const Shape& b, const Shape& c) {
  std::vector<Product::Loop> loops;
  int64_t step_a = 1, step_b = 1, step_c = 1;
  for (int i = 1; i <= out.rank(); ++i) {  // innermost first
    int64_t count = out[-i];
    auto step = [&](const Shape& shape, int64_t& unit) {
      int64_t size = i <= shape.rank() ? shape[-i] : 1, taken = size == 1 && count != 1 ? 0 : unit;
      unit *= size;
      return taken;
    };
    Product::Loop loop{count, step(a, step_a), step(b, step_b), step(c, step_c)};
    if (count == 1) continue;
    if (!loops.empty()) {
      Product::Loop& last = loops.back();
      auto joins = [&](int64_t inner, int64_t outer) { return outer == inner * last.count; };
      if (joins(last.a, loop.a) && joins(last.b, loop.b) && joins(last.c, loop.c)) {
        last.count *= count;
        continue;
      }
    }
    loops.push_back(loop);
  }
  std::reverse(loops.begin(), loops.end());
  return loops;
}

// Turns the innermost loop into rows of one product, where the matrices lie so that it is one.
void fold(Product& p) {
  if (p.loops.empty()) return;
  Product::Loop loop = p.loops.back();
  if (loop.b == 0 && loop.a == 1 && loop.c == 1 && !p.transpose_a)
    p.m *= loop.count, p.loops.pop_back();
  else if (loop.c == 0 && loop.a == 1 && loop.b == 1 && p.transpose_a && !p.transpose_b)
    p.k *= loop.count, p.loops.pop_back();
}

template <class T, class Out, class Context>
void run_loops(Context& ctx, const Product& p, size_t depth, const T* a, const T* b, Out* c, bool accumulate) {
  if (depth < p.loops.size() && depth + 1 < p.loops.size()) {
    const Product::Loop& loop = p.loops[depth];
    for (int64_t i = 0; i < loop.count; ++i)
      run_loops(ctx, p, depth + 1, a + i * loop.a * p.m * p.k, b + i * loop.b * p.k * p.n, c + i * loop.c * p.m * p.n,
                accumulate || (loop.c == 0 && i > 0));
    return;
  }
  MatmulSizes sizes{p.m, p.n, p.k, p.transpose_a, p.transpose_b};
  if (depth < p.loops.size()) {
    const Product::Loop& loop = p.loops[depth];
    sizes.batch = loop.count;
    sizes.stride_a = loop.a * p.m * p.k, sizes.stride_b = loop.b * p.k * p.n, sizes.stride_c = loop.c * p.m * p.n;
  }
  kernels::matmul(ctx, sizes, a, b, c, kernels::MatmulOutput<T>{.beta = accumulate ? 1.0 : 0.0});
}

// op(a) op(b) in `dtype` and of `shape`, whose leading dimensions may be fewer than the operands' broadcast ones: then
// it is a sum over the rest.
Tensor multiply(const Tensor& a, bool transpose_a, const Tensor& b, bool transpose_b, const Shape& shape, Dtype dtype) {
  Shape batch_a = leading(a.shape(), 2), batch_b = leading(b.shape(), 2), batch = broadcast(batch_a, batch_b, "matmul");
  Product p{shape[-2],   shape[-1],   a.size(transpose_a ? -2 : -1),
            transpose_a, transpose_b, loops_over(batch, batch_a, batch_b, leading(shape, 2))};
  fold(p);
  bool reduces = std::any_of(p.loops.begin(), p.loops.end(), [](const Product::Loop& loop) { return loop.c == 0; });
  Dtype kept = reduces && dtype == Dtype::bf16 ? Dtype::f32 : dtype;
  if (batch.numel() == 0) return Tensor::zeros(shape, dtype, a.device());
  Tensor c = Tensor::empty(shape, kept, a.device());
  dispatch_float(a, "matmul", [&]<class T>(auto& ctx) {
    if (kept == dtype_of<T>)
      run_loops(ctx, p, 0, a.data<T>(), b.data<T>(), c.data<T>(), false);
    else if constexpr (std::is_same_v<T, bf16>)
      run_loops(ctx, p, 0, a.data<T>(), b.data<T>(), c.data<float>(), false);
  });
  return c.to(dtype);
}

// The operand as it is multiplied: without its graph, in bf16 under Autocast.
Tensor operand(const Tensor& x) {
  Tensor plain = x.detach();
  return autocast_enabled() && x.dtype() == Dtype::f32 ? plain.to(Dtype::bf16) : plain;
}

void check_pair(const char* op, const Tensor& a, const Tensor& b) {
  check(is_float(a.dtype()) && a.dtype() == b.dtype(),
        "{}: want two operands of one floating dtype, got {} {} and {} {}", op, name_of(a.dtype()), a.shape(),
        name_of(b.dtype()), b.shape());
  check(a.device() == b.device(), "{}: want both operands on one device, got {} and {}", op, a.device(), b.device());
}

}  // namespace

Tensor matmul(const Tensor& a, const Tensor& b, MatmulOptions options) {
  check(a.rank() > 0 && b.rank() > 0, "matmul: want operands of at least one dimension, got {} and {}", a.shape(),
        b.shape());
  if (a.rank() == 1) {
    check(!options.transpose_a, "matmul: want a matrix to transpose, got {}", a.shape());
    Tensor y = matmul(a.reshape({1, a.size(0)}), b, options);
    if (b.rank() == 1) return y.reshape(Shape{});
    Shape shape = leading(y.shape(), 2);
    shape.push_back(y.size(-1));
    return y.reshape(shape);
  }
  if (b.rank() == 1) {
    check(!options.transpose_b, "matmul: want a matrix to transpose, got {}", b.shape());
    Tensor y = matmul(a, b.reshape({b.size(0), 1}), options);
    return y.reshape(leading(y.shape(), 1));
  }

  bool ta = options.transpose_a, tb = options.transpose_b;
  Tensor left = operand(a), right = operand(b);
  check_pair("matmul", left, right);
  int64_t inner = a.size(ta ? -2 : -1);
  check(b.size(tb ? -1 : -2) == inner, "matmul: want {} {} in the second operand for a first of {}{}, got {}", inner,
        tb ? "columns" : "rows", a.shape(), ta ? " transposed" : "", b.shape());
  Shape shape = broadcast(leading(a.shape(), 2), leading(b.shape(), 2), "matmul");
  shape.push_back(a.size(ta ? -1 : -2));
  shape.push_back(b.size(tb ? -2 : -1));

  Tensor y = multiply(left, ta, right, tb, shape, left.dtype());
  return record("matmul", y, {a, b}, [left, right, ta, tb](const Node& node, const Tensor& dy) -> Grads {
    Tensor da, db;
    if (node.needs_grad(0)) {
      const auto& x = *node.inputs[0];
      da = ta ? multiply(right, tb, dy, true, x.shape, x.dtype) : multiply(dy, false, right, !tb, x.shape, x.dtype);
    }
    if (node.needs_grad(1)) {
      const auto& x = *node.inputs[1];
      db = tb ? multiply(dy, true, left, ta, x.shape, x.dtype) : multiply(left, !ta, dy, false, x.shape, x.dtype);
    }
    return {da, db};
  });
}

Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias, Activation activation) {
  check(x.rank() >= 1 && weight.rank() == 2 && x.size(-1) == weight.size(1),
        "linear: want input [..., in] and weight [out, in], got {} and {}", x.shape(), weight.shape());
  int64_t in = weight.size(1), out = weight.size(0), rows = leading(x.shape(), 1).numel();
  check(!bias.defined() || (bias.shape() == Shape{out} && bias.device() == x.device()),
        "linear: want bias {} on {}, got {} on {}", Shape{out}, x.device(), bias.defined() ? bias.shape() : Shape{},
        bias.defined() ? bias.device() : x.device());
  // GELU's gradient needs what goes into it: a node of its own keeps that, and only that.
  if (activation == Activation::gelu && grad_enabled() &&
      (x.requires_grad() || weight.requires_grad() || (bias.defined() && bias.requires_grad())))
    return gelu(linear(x, weight, bias));

  Tensor input = operand(x), matrix = operand(weight);
  check_pair("linear", input, matrix);
  Shape shape = x.shape();
  shape[-1] = out;
  Tensor y = Tensor::empty(shape, input.dtype(), x.device());
  dispatch_float(input, "linear", [&]<class T>(auto& ctx) {
    using Acc = kernels::accumulator_t<T>;
    Tensor added = bias.defined() ? bias.detach().to(dtype_of<Acc>) : Tensor();
    kernels::MatmulOutput<T> output;
    if (added.defined()) output.bias = added.data<Acc>();
    output.epilogue = activation == Activation::relu   ? kernels::Epilogue::relu
                      : activation == Activation::gelu ? kernels::Epilogue::gelu
                                                       : kernels::Epilogue::none;
    kernels::matmul(ctx, {rows, out, in, false, true}, input.data<T>(), matrix.data<T>(), y.data<T>(), output);
  });
  Tensor kept = activation == Activation::relu ? y.detach() : Tensor();
  return record(
      "linear", y, {x, weight, bias},
      [input, matrix, kept, rows, in, out](const Node& node, const Tensor& dy) -> Grads {
        Tensor dz = dy, db;
        bool needs_bias = node.needs_grad(2);
        if (kept.defined() || needs_bias) {
          if (kept.defined()) dz = Tensor::empty_like(dy);
          dispatch_float(dy, "linear", [&]<class T>(auto& ctx) {
            using Acc = kernels::accumulator_t<T>;
            if (needs_bias) db = Tensor::empty({out}, dtype_of<Acc>, dy.device());
            kernels::epilogue_backward(ctx, rows, out, kept.defined() ? kept.data<T>() : nullptr, dy.data<T>(),
                                       kept.defined() ? dz.data<T>() : nullptr, needs_bias ? db.data<Acc>() : nullptr);
          });
          if (needs_bias) db = db.to(node.inputs[2]->dtype);
        }
        Tensor flat_dz = dz.reshape({rows, out}), dx, dw;
        if (node.needs_grad(0))
          dx =
              multiply(flat_dz, false, matrix, false, {rows, in}, node.inputs[0]->dtype).reshape(node.inputs[0]->shape);
        if (node.needs_grad(1))
          dw = multiply(flat_dz, true, input.reshape({rows, in}), false, {out, in}, node.inputs[1]->dtype);
        return {dx, dw, db};
      });
}

}  // namespace fovea
