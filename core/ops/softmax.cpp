#include <fovea/core/autograd.h>
#include <fovea/core/check.h>
#include <fovea/core/dispatch.h>
#include <fovea/core/ops/activation.h>
#include <fovea/core/ops/shape.h>
#include <fovea/kernels/softmax.h>

namespace fovea {

// Rows are what the kernels know: another dimension is moved to the end and back.
template <class F>
static Tensor over_dim(const Tensor& x, int dim, const char* op, F&& over_rows) {
  check(x.rank() > 0, "{}: want a tensor of at least one dimension, got {}", op, x.shape());
  int d = x.shape().dim(dim, op), last = x.rank() - 1;
  return d == last ? over_rows(x) : transpose(over_rows(transpose(x, d, last)), d, last);
}

static int64_t rows_of(const Tensor& x) {
  return x.numel() ? x.numel() / x.size(-1) : 0;
}

static Tensor softmax_rows(const Tensor& x) {
  Tensor y = Tensor::empty_like(x);
  dispatch_float(x, "softmax",
                 [&]<class T>(auto& ctx) { kernels::softmax(ctx, x.data<T>(), y.data<T>(), rows_of(x), x.size(-1)); });
  return record("softmax", y, {x}, [y](const Node&, const Tensor& dy) -> Grads {
    Tensor dx = Tensor::empty_like(y);
    dispatch_float(y, "softmax", [&]<class T>(auto& ctx) {
      kernels::softmax_backward(ctx, y.data<T>(), dy.data<T>(), dx.data<T>(), rows_of(y), y.size(-1));
    });
    return {dx};
  });
}

static Tensor log_softmax_rows(const Tensor& x) {
  Tensor y = Tensor::empty_like(x);
  dispatch_float(x, "log_softmax", [&]<class T>(auto& ctx) {
    kernels::log_softmax(ctx, x.data<T>(), y.data<T>(), rows_of(x), x.size(-1));
  });
  return record("log_softmax", y, {x}, [y](const Node&, const Tensor& dy) -> Grads {
    Tensor dx = Tensor::empty_like(y);
    dispatch_float(y, "log_softmax", [&]<class T>(auto& ctx) {
      kernels::log_softmax_backward(ctx, y.data<T>(), dy.data<T>(), dx.data<T>(), rows_of(y), y.size(-1));
    });
    return {dx};
  });
}

Tensor softmax(const Tensor& x, int dim) {
  return over_dim(x, dim, "softmax", softmax_rows);
}
Tensor log_softmax(const Tensor& x, int dim) {
  return over_dim(x, dim, "log_softmax", log_softmax_rows);
}

}  // namespace fovea
