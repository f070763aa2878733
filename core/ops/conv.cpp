#include <fovea/core/ops/conv.h>

#include <fovea/core/autocast.h>
#include <fovea/core/autograd.h>
#include <fovea/core/check.h>
#include <fovea/core/dispatch.h>
#include <fovea/core/ops/activation.h>
#include <fovea/core/ops/arith.h>
#include <fovea/kernels/conv.h>

namespace fovea {

std::string Size2::str() const {
  return h == w ? std::to_string(h) : fmt::format("{}x{}", h, w);
}

namespace {

using kernels::Conv2dShape;

// What the user calls it, for messages: conv1d runs as conv2d with a height of one.
struct Name {
  const char* op;
  const char* x;
  const char* weight;
};
constexpr Name kConv2d{"conv2d", "[N, H, W, C]", "[O, kh, kw, C / groups]"};
constexpr Name kConv1d{"conv1d", "[N, L, C]", "[O, k, C / groups]"};
constexpr Name kConvTranspose2d{"conv_transpose2d", "[N, H, W, C]", "[C, kh, kw, O / groups]"};

void check_ranks(const Name& name, const Tensor& x, const Tensor& weight, int rank) {
  check(x.rank() == rank && weight.rank() == rank, "{}: want x {} and weight {}, got {} and {}", name.op, name.x,
        name.weight, x.shape(), weight.shape());
}

void check_options(const Name& name, const Conv2dOptions& o) {
  check(o.stride.h > 0 && o.stride.w > 0 && o.dilation.h > 0 && o.dilation.w > 0 && o.padding.h >= 0 &&
            o.padding.w >= 0 && o.groups > 0,
        "{}: want positive stride, dilation and groups and no negative padding, got stride {}x{}, dilation {}x{}, "
        "padding {}x{}, groups {}",
        name.op, o.stride.h, o.stride.w, o.dilation.h, o.dilation.w, o.padding.h, o.padding.w, o.groups);
}

// Of the convolution of n images of `size` and c channels with weight [O, kh, kw, c / groups].
Conv2dShape shape_of(int64_t n, Size2 size, int64_t c, const Tensor& weight, const Conv2dOptions& o) {
  return {.n = n,
          .h = size.h,
          .w = size.w,
          .c = c,
          .k = weight.size(0),
          .kh = weight.size(1),
          .kw = weight.size(2),
          .stride_h = o.stride.h,
          .stride_w = o.stride.w,
          .pad_h = o.padding.h,
          .pad_w = o.padding.w,
          .dilation_h = o.dilation.h,
          .dilation_w = o.dilation.w,
          .groups = o.groups};
}

// Operands in the types that the kernels take: x in bf16 under Autocast, weight and bias in f32 beside a bf16 x. The
// casts are ops of their own, so gradients arrive in the types that the user gave.
struct Operands {
  Tensor x, weight, bias;
};
Operands prepare(const Name& name, const Tensor& x, const Tensor& weight, const Tensor& bias) {
  Operands o{autocast_enabled() && x.dtype() == Dtype::f32 ? x.to(Dtype::bf16) : x, weight, bias};
  if (o.x.dtype() == Dtype::bf16) {
    if (weight.dtype() == Dtype::bf16) o.weight = weight.to(Dtype::f32);
    if (bias.defined() && bias.dtype() == Dtype::bf16) o.bias = bias.to(Dtype::f32);
  }
  Dtype wanted = o.x.dtype() == Dtype::bf16 ? Dtype::f32 : o.x.dtype();
  check(o.weight.dtype() == wanted && (!bias.defined() || o.bias.dtype() == wanted),
        "{}: want weight and bias in x's dtype, or f32 beside bf16, got x {}, weight {}{}{}", name.op,
        name_of(x.dtype()), name_of(weight.dtype()), bias.defined() ? ", bias " : "",
        bias.defined() ? name_of(bias.dtype()) : "");
  check(x.device() == weight.device() && (!bias.defined() || x.device() == bias.device()),
        "{}: want all operands on one device, got x on {} and weight on {}", name.op, x.device(), weight.device());
  return o;
}

void check_bias(const Name& name, const Tensor& bias, int64_t channels) {
  check(!bias.defined() || bias.shape() == Shape{channels}, "{}: want bias [{}], one for each output channel, got {}",
        name.op, channels, bias.defined() ? bias.shape() : Shape());
}

// x [N, H, W, C], weight [O, kh, kw, C / groups].
Tensor convolve(const Name& name, const Tensor& x, const Tensor& weight, const Tensor& bias,
                const Conv2dOptions& options) {
  check_options(name, options);
  Conv2dShape s = shape_of(x.size(0), {x.size(1), x.size(2)}, x.size(3), weight, options);
  check(s.c > 0 && s.k > 0 && s.kh > 0 && s.kw > 0 && s.c % s.groups == 0 && s.k % s.groups == 0,
        "{}: want at least one input and output channel and a kernel of at least one, channels that {} groups divide, "
        "got x "
        "{} and weight {}",
        name.op, s.groups, x.shape(), weight.shape());
  check(weight.size(3) * s.groups == s.c,
        "{}: want a weight {} with {} input channels a group ({} channels in {} groups), got {}", name.op, name.weight,
        s.c / s.groups, s.c, s.groups, weight.shape());
  int64_t reach_h = s.dilation_h * (s.kh - 1) + 1, reach_w = s.dilation_w * (s.kw - 1) + 1;
  check(s.h + 2 * s.pad_h >= reach_h && s.w + 2 * s.pad_w >= reach_w,
        "{}: want a padded input at least as large as the kernel, got input {}x{} with padding {}x{} and a kernel that "
        "reaches over {}x{}",
        name.op, s.h, s.w, s.pad_h, s.pad_w, reach_h, reach_w);
  check_bias(name, bias, s.k);

  Tensor y = Tensor::empty({s.n, s.out_h(), s.out_w(), s.k}, x.dtype(), x.device());
  const bool relu = options.activation == Activation::relu;
  dispatch_float(x, name.op, [&]<class T>(auto& context) {
    using W = kernels::accumulator_t<T>;
    kernels::conv2d_forward<T>(context, s, x.data<T>(), weight.data<W>(), bias.defined() ? bias.data<W>() : nullptr,
                               y.data<T>(), relu ? kernels::Epilogue::relu : kernels::Epilogue::none);
  });
  Tensor kept = relu ? y.detach() : Tensor();
  return record(
      name.op, y, {x, weight, bias},
      [s, x = x.detach(), weight = weight.detach(), kept, op = name.op](const Node& node, const Tensor& dy) -> Grads {
        Tensor dz = dy, dx, dweight, dbias;
        if (kept.defined()) dz = Tensor::empty_like(dy);
        if (node.needs_grad(0)) dx = Tensor::empty_like(x);
        if (node.needs_grad(1)) dweight = Tensor::empty_like(weight);
        if (node.needs_grad(2)) dbias = Tensor::empty({s.k}, weight.dtype(), weight.device());
        dispatch_float(x, op, [&]<class T>(auto& context) {
          using W = kernels::accumulator_t<T>;
          if (kept.defined() || dbias.defined())
            kernels::epilogue_backward<T>(context, dy.numel() / s.k, s.k, kept.defined() ? kept.data<T>() : nullptr,
                                          dy.data<T>(), kept.defined() ? dz.data<T>() : nullptr,
                                          dbias.defined() ? dbias.data<W>() : nullptr);
          if (dx.defined()) kernels::conv2d_backward_data<T>(context, s, dz.data<T>(), weight.data<W>(), dx.data<T>());
          if (dweight.defined())
            kernels::conv2d_backward_weights<T>(context, s, x.data<T>(), dz.data<T>(), dweight.data<W>());
        });
        return {dx, dweight, dbias};
      });
}

}  // namespace

Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias, Conv2dOptions options) {
  if (options.activation == Activation::gelu) {  // whose gradient needs what goes into it
    options.activation = Activation::none;
    return gelu(conv2d(x, weight, bias, options));
  }
  check_ranks(kConv2d, x, weight, 4);
  Operands o = prepare(kConv2d, x, weight, bias);
  return convolve(kConv2d, o.x, o.weight, o.bias, options);
}

Tensor conv1d(const Tensor& x, const Tensor& weight, const Tensor& bias, Conv1dOptions options) {
  check_ranks(kConv1d, x, weight, 3);
  Operands o = prepare(kConv1d, x, weight, bias);
  Tensor image = o.x.reshape(Shape{x.size(0), 1, x.size(1), x.size(2)});
  Tensor kernel = o.weight.reshape(Shape{weight.size(0), 1, weight.size(1), weight.size(2)});
  Tensor y = convolve(kConv1d, image, kernel, o.bias,
                      {{1, options.stride}, {0, options.padding}, {1, options.dilation}, options.groups});
  return y.reshape(Shape{y.size(0), y.size(2), y.size(3)});
}

// The gradient of a convolution that maps [N, H', W', O] to x's [N, H, W, C].
Tensor conv_transpose2d(const Tensor& x_given, const Tensor& weight_given, const Tensor& bias_given,
                        ConvTranspose2dOptions options) {
  const Name& name = kConvTranspose2d;
  check_ranks(name, x_given, weight_given, 4);
  const Conv2dOptions forward{options.stride, options.padding, options.dilation, options.groups};
  check_options(name, forward);
  auto [x, weight, bias] = prepare(name, x_given, weight_given, bias_given);
  Size2 extra = options.output_padding;
  check(extra.h >= 0 && extra.w >= 0 && extra.h < options.stride.h && extra.w < options.stride.w,
        "{}: want an output_padding smaller than the stride, got {}x{} with stride {}x{}", name.op, extra.h, extra.w,
        options.stride.h, options.stride.w);
  auto reach = [](int64_t size, int64_t stride, int64_t padding, int64_t dilation, int64_t kernel, int64_t more) {
    return (size - 1) * stride - 2 * padding + dilation * (kernel - 1) + more + 1;
  };
  Conv2dShape s =
      shape_of(x.size(0),
               {reach(x.size(1), options.stride.h, options.padding.h, options.dilation.h, weight.size(1), extra.h),
                reach(x.size(2), options.stride.w, options.padding.w, options.dilation.w, weight.size(2), extra.w)},
               weight.size(3) * options.groups, weight, forward);
  check(s.c > 0 && s.k > 0 && s.kh > 0 && s.kw > 0 && s.k % s.groups == 0 && x.size(3) == s.k,
        "{}: want x {} and weight {} with as many channels C, which {} groups divide, got {} and {}", name.op, name.x,
        name.weight, s.groups, x.shape(), weight.shape());
  check(x.size(1) > 0 && x.size(2) > 0 && s.h > 0 && s.w > 0,
        "{}: want an input and an output of at least one pixel, got input {}x{} and output {}x{}", name.op, x.size(1),
        x.size(2), s.h, s.w);
  check_bias(name, bias, s.c);

  Tensor y = Tensor::empty({s.n, s.h, s.w, s.c}, x.dtype(), x.device());
  dispatch_float(x, name.op, [&, &x = x, &weight = weight]<class T>(auto& context) {
    using W = kernels::accumulator_t<T>;
    kernels::conv2d_backward_data<T>(context, s, x.template data<T>(), weight.template data<W>(), y.data<T>());
  });
  y = record(name.op, y, {x, weight},
             [s, x = x.detach(), weight = weight.detach()](const Node& node, const Tensor& dy) -> Grads {
               Tensor dx, dweight;
               if (node.needs_grad(0)) dx = Tensor::empty_like(x);
               if (node.needs_grad(1)) dweight = Tensor::empty_like(weight);
               dispatch_float(x, "conv_transpose2d", [&]<class T>(auto& context) {
                 using W = kernels::accumulator_t<T>;
                 if (dx.defined())
                   kernels::conv2d_forward<T>(context, s, dy.data<T>(), weight.data<W>(), nullptr, dx.data<T>());
                 if (dweight.defined())
                   kernels::conv2d_backward_weights<T>(context, s, dy.data<T>(), x.data<T>(), dweight.data<W>());
               });
               return {dx, dweight};
             });
  return bias.defined() ? y + bias.to(y.dtype()) : y;
}

}  // namespace fovea
