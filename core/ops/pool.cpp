#include <fovea/core/ops/pool.h>

#include <limits>

#include <fovea/core/autograd.h>
#include <fovea/core/check.h>
#include <fovea/core/dispatch.h>
#include <fovea/kernels/pool.h>
#include <fovea/kernels/resize.h>

namespace fovea {

static void check_images(const char* op, const Tensor& x) {
  check(x.rank() == 4 && is_float(x.dtype()), "{}: want x [N, H, W, C] of floating dtype, got {} {}", op,
        name_of(x.dtype()), x.shape());
}

// Windows along one axis, PyTorch's way: in ceil mode the last may reach beyond the padding, but must begin before it.
static int64_t window_count(int64_t size, int64_t kernel, int64_t stride, int64_t padding, bool ceil_mode) {
  const int64_t reach = size + 2 * padding - kernel;
  if (reach < 0 && !(ceil_mode && reach + stride - 1 >= 0)) return 0;
  const int64_t count = (reach + (ceil_mode ? stride - 1 : 0)) / stride + 1;
  return ceil_mode && (count - 1) * stride >= size + padding ? count - 1 : count;
}

static kernels::Pool2dShape pool_shape(const char* op, const Tensor& x, Pool2dOptions o) {
  check_images(op, x);
  if (o.stride == Size2(0)) o.stride = o.kernel;
  check(o.kernel.h > 0 && o.kernel.w > 0 && o.stride.h > 0 && o.stride.w > 0 && o.padding.h >= 0 && o.padding.w >= 0 &&
            o.padding.h <= o.kernel.h / 2 && o.padding.w <= o.kernel.w / 2,
        "{}: want a kernel and stride of at least 1 and padding of at most half the kernel, got kernel {}x{}, stride "
        "{}x{}, "
        "padding {}x{}",
        op, o.kernel.h, o.kernel.w, o.stride.h, o.stride.w, o.padding.h, o.padding.w);
  const kernels::Pool2dShape shape{.n = x.size(0),
                                   .h = x.size(1),
                                   .w = x.size(2),
                                   .c = x.size(3),
                                   .out_h = window_count(x.size(1), o.kernel.h, o.stride.h, o.padding.h, o.ceil_mode),
                                   .out_w = window_count(x.size(2), o.kernel.w, o.stride.w, o.padding.w, o.ceil_mode),
                                   .rows = {o.kernel.h, o.stride.h, o.padding.h},
                                   .cols = {o.kernel.w, o.stride.w, o.padding.w},
                                   .count_include_pad = o.count_include_pad};
  check(shape.out_h > 0 && shape.out_w > 0, "{}: want images of at least the kernel {}x{}, got x {}", op, o.kernel.h,
        o.kernel.w, x.shape());
  return shape;
}

// The kernels exist for two types of index: a byte for all usual windows.
template <class F>
static void with_index(Dtype dtype, const F& f) {
  if (dtype == Dtype::u8) return f.template operator()<uint8_t>();
  f.template operator()<int64_t>();
}

Tensor max_pool2d(const Tensor& x, Pool2dOptions options) {
  const kernels::Pool2dShape shape = pool_shape("max_pool2d", x, options);
  Tensor y = Tensor::empty({shape.n, shape.out_h, shape.out_w, shape.c}, x.dtype(), x.device());
  const bool byte = shape.rows.kernel * shape.cols.kernel <= std::numeric_limits<uint8_t>::max() + 1;
  Tensor argmax = Tensor::empty(y.shape(), byte ? Dtype::u8 : Dtype::i64, x.device());
  dispatch_float(x, "max_pool2d", [&]<class T>(auto& ctx) {
    with_index(argmax.dtype(), [&]<class Index>() {
      kernels::max_pool2d<T, Index>(ctx, shape, x.data<T>(), y.data<T>(), argmax.data<Index>());
    });
  });
  return record("max_pool2d", y, {x}, [argmax, shape, in = x.shape()](const Node&, const Tensor& dy) -> Grads {
    Tensor dx = Tensor::empty(in, dy.dtype(), dy.device());
    dispatch_float(dy, "max_pool2d", [&]<class T>(auto& ctx) {
      with_index(argmax.dtype(), [&]<class Index>() {
        kernels::max_pool2d_backward<T, Index>(ctx, shape, dy.data<T>(), argmax.data<Index>(), dx.data<T>());
      });
    });
    return {dx};
  });
}

static Tensor average(const char* op, const Tensor& x, const kernels::Pool2dShape& shape) {
  Tensor y = Tensor::empty({shape.n, shape.out_h, shape.out_w, shape.c}, x.dtype(), x.device());
  dispatch_float(x, op, [&]<class T>(auto& ctx) { kernels::avg_pool2d<T, T>(ctx, shape, x.data<T>(), y.data<T>()); });
  return record(op, y, {x}, [op, shape, in = x.shape()](const Node&, const Tensor& dy) -> Grads {
    Tensor dx = Tensor::empty(in, dy.dtype(), dy.device());
    dispatch_float(dy, op, [&]<class T>(auto& ctx) {
      kernels::avg_pool2d_backward<T, T>(ctx, shape, dy.data<T>(), dx.data<T>());
    });
    return {dx};
  });
}

Tensor avg_pool2d(const Tensor& x, Pool2dOptions options) {
  return average("avg_pool2d", x, pool_shape("avg_pool2d", x, options));
}

static kernels::Pool2dShape adaptive_shape(const char* op, const Tensor& x, Size2 output) {
  check_images(op, x);
  check(output.h > 0 && output.w > 0 && x.size(1) > 0 && x.size(2) > 0,
        "{}: want images and an output of at least 1x1, got x {} and output {}x{}", op, x.shape(), output.h, output.w);
  return {.n = x.size(0), .h = x.size(1), .w = x.size(2), .c = x.size(3), .out_h = output.h, .out_w = output.w};
}

Tensor adaptive_avg_pool2d(const Tensor& x, Size2 output) {
  return average("adaptive_avg_pool2d", x, adaptive_shape("adaptive_avg_pool2d", x, output));
}

Tensor global_avg_pool(const Tensor& x) {
  const kernels::Pool2dShape shape = adaptive_shape("global_avg_pool", x, 1);
  const Dtype dtype = x.dtype();
  Tensor y = Tensor::empty({shape.n, shape.c}, dtype == Dtype::bf16 ? Dtype::f32 : dtype, x.device());
  dispatch_float(x, "global_avg_pool", [&]<class T>(auto& ctx) {
    using Out = kernels::accumulator_t<T>;
    kernels::avg_pool2d<T, Out>(ctx, shape, x.data<T>(), y.data<Out>());
  });
  return record("global_avg_pool", y, {x}, [shape, dtype, in = x.shape()](const Node&, const Tensor& dy) -> Grads {
    Tensor dx = Tensor::empty(in, dtype, dy.device());
    dispatch_float(dx, "global_avg_pool", [&]<class T>(auto& ctx) {
      using Out = kernels::accumulator_t<T>;
      kernels::avg_pool2d_backward<T, Out>(ctx, shape, dy.data<Out>(), dx.data<T>());
    });
    return {dx};
  });
}

// A table's numbers on the device that will use them.
struct ResampleTensors {
  int64_t in, out, taps;
  Tensor start, weight;

  ResampleTensors(const kernels::ResampleTable& table, Dtype dtype, Device device)
      : in(table.in),
        out(table.out),
        taps(table.taps),
        start(Tensor::from<int64_t>({table.out}, table.start).to(device)),
        weight(Tensor::from<double>({table.out, table.taps}, table.weight).to(dtype).to(device)) {}

  template <class A>
  kernels::ResampleAxis<A> axis() const {
    return {in, out, taps, start.data<int64_t>(), weight.data<A>()};
  }
};

static Tensor resample(const Tensor& x, const kernels::ResampleTable& rows, const kernels::ResampleTable& cols) {
  Tensor y = Tensor::empty({x.size(0), rows.out, cols.out, x.size(3)}, x.dtype(), x.device());
  dispatch_float(x, "resize", [&]<class T>(auto& ctx) {
    using A = kernels::accumulator_t<T>;
    const ResampleTensors r(rows, dtype_of<A>, x.device()), c(cols, dtype_of<A>, x.device());
    kernels::resample2d<T>(ctx, x.size(0), x.size(3), r.axis<A>(), c.axis<A>(), x.data<T>(), y.data<T>());
  });
  return y;
}

Tensor resize(const Tensor& x, Size2 output, ResizeOptions options) {
  check_images("resize", x);
  check(output.h > 0 && output.w > 0 && x.size(1) > 0 && x.size(2) > 0,
        "resize: want images and an output of at least 1x1, got x {} and output {}x{}", x.shape(), output.h, output.w);
  check(!(options.antialias && options.align_corners), "resize: want antialias or align_corners, got both");
  const kernels::ResampleFilter filter{options.mode == ResizeMode::bicubic, options.align_corners, options.antialias};
  const auto rows = kernels::resample_table(x.size(1), output.h, filter);
  const auto cols = kernels::resample_table(x.size(2), output.w, filter);
  return record("resize", resample(x, rows, cols), {x}, [rows, cols](const Node&, const Tensor& dy) -> Grads {
    return {resample(dy, kernels::transposed(rows), kernels::transposed(cols))};
  });
}

}  // namespace fovea
