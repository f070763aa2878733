#include <fovea/core/ops/norm.h>

#include <fovea/core/autograd.h>
#include <fovea/core/check.h>
#include <fovea/core/dispatch.h>
#include <fovea/kernels/norm.h>

namespace fovea {

// Statistics and weights: f64 for f64 activations, else f32.
static Dtype statistics_dtype(const Tensor& x) {
  return x.dtype() == Dtype::f64 ? Dtype::f64 : Dtype::f32;
}

// A weight or bias [channels] as the kernels want it; undefined stays undefined.
static Tensor checked_weight(const char* op, const char* name, const Tensor& weight, const Tensor& x,
                             int64_t channels) {
  if (!weight.defined()) return {};
  check(weight.shape() == Shape{channels} && is_float(weight.dtype()), "{}: want {} [{}] for x {}, got {} {}", op, name,
        channels, x.shape(), name_of(weight.dtype()), weight.shape());
  return weight.detach().to(statistics_dtype(x));
}

template <class T>
static T* data_or_null(Tensor t) {
  return t.defined() ? t.data<T>() : nullptr;
}

// A gradient in the dtype of the weight that it belongs to; none where nobody wants it.
static Tensor weight_gradient(const Node& node, int input, const Tensor& gradient) {
  return node.needs_grad(input) ? gradient.to(node.inputs[size_t(input)]->dtype) : Tensor();
}

template <class T>
static kernels::BatchNorm<T> batch_norm_of(const Tensor& x, const Tensor& weight, const Tensor& bias,
                                           const Tensor& residual, bool relu) {
  using A = kernels::accumulator_t<T>;
  return {.rows = x.numel() / x.size(-1),
          .channels = x.size(-1),
          .x = x.data<T>(),
          .residual = data_or_null<T>(residual),
          .weight = data_or_null<A>(weight),
          .bias = data_or_null<A>(bias),
          .relu = relu};
}

static void check_batch_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& running_mean,
                             const Tensor& running_var, const BatchNormOptions& options, const Tensor& residual) {
  check(x.rank() >= 2 && x.size(-1) > 0 && is_float(x.dtype()),
        "batch_norm: want x [..., C] of floating dtype, rank 2 or more and C > 0, got {} {}", name_of(x.dtype()),
        x.shape());
  const int64_t channels = x.size(-1);
  check(weight.defined() == bias.defined(), "batch_norm: want both weight and bias or neither, got the {} alone",
        weight.defined() ? "weight" : "bias");
  const Dtype dtype = statistics_dtype(x);
  for (const Tensor* running : {&running_mean, &running_var})
    if (running->defined())
      check(running->shape() == Shape{channels} && running->dtype() == dtype,
            "batch_norm: want running statistics {} [{}] for x {} {}, got {} {}", name_of(dtype), channels,
            name_of(x.dtype()), x.shape(), name_of(running->dtype()), running->shape());
  if (options.training)
    check(x.numel() / channels >= 2, "batch_norm: want two or more values a channel to train, got x {}", x.shape());
  else
    check(running_mean.defined() && running_var.defined(), "batch_norm: want running_mean and running_var to evaluate");
  if (residual.defined())
    check(residual.shape() == x.shape() && residual.dtype() == x.dtype(),
          "batch_norm: want a residual like x {} {}, got {} {}", name_of(x.dtype()), x.shape(),
          name_of(residual.dtype()), residual.shape());
}

Tensor batch_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, Tensor running_mean, Tensor running_var,
                  const BatchNormOptions& options, const Tensor& residual) {
  check_batch_norm(x, weight, bias, running_mean, running_var, options, residual);
  const int64_t channels = x.size(-1);
  const bool training = options.training, relu = options.relu;
  const Tensor w = checked_weight("batch_norm", "weight", weight, x, channels);
  const Tensor b = checked_weight("batch_norm", "bias", bias, x, channels);
  Tensor y = Tensor::empty_like(x);
  Tensor mean = training ? Tensor::empty({channels}, statistics_dtype(x), x.device()) : running_mean.clone();
  Tensor invstd = Tensor::empty_like(mean);
  dispatch_float(x, "batch_norm", [&]<class T>(auto& ctx) {
    using A = kernels::accumulator_t<T>;
    const auto norm = batch_norm_of<T>(x, w, b, residual, relu);
    if (training) {
      kernels::batch_norm_train<T>(ctx, norm,
                                   {.eps = options.eps,
                                    .momentum = options.momentum,
                                    .mean = mean.data<A>(),
                                    .invstd = invstd.data<A>(),
                                    .running_mean = data_or_null<A>(running_mean),
                                    .running_var = data_or_null<A>(running_var)},
                                   y.data<T>());
    } else {
      kernels::inverse_std(ctx, running_var.data<A>(), invstd.data<A>(), channels, options.eps);
      kernels::batch_norm_eval<T>(ctx, norm, mean.data<A>(), invstd.data<A>(), y.data<T>());
    }
  });
  const bool adds = residual.defined(), masks = relu && adds;
  const Tensor kept_y = masks ? y : Tensor();
  return record(
      "batch_norm", y, {x, weight, bias, residual},
      [x, w, b, mean, invstd, kept_y, training, relu, adds, masks](const Node& node, const Tensor& dy) -> Grads {
        Tensor dresidual = masks ? gradient_memory(dy) : adds ? dy : Tensor();
        Tensor dx = !node.needs_grad(0) ? Tensor() : adds ? Tensor::empty_like(dy) : gradient_memory(dy);
        Tensor dweight = Tensor::empty_like(mean), dbias = Tensor::empty_like(mean);
        dispatch_float(x, "batch_norm", [&]<class T>(auto& ctx) {
          using A = kernels::accumulator_t<T>;
          kernels::batch_norm_backward<T>(ctx, batch_norm_of<T>(x, w, b, {}, relu), training, mean.data<A>(),
                                          invstd.data<A>(), data_or_null<T>(kept_y), dy.data<T>(),
                                          {.dx = data_or_null<T>(dx),
                                           .dresidual = masks ? dresidual.data<T>() : nullptr,
                                           .dweight = dweight.data<A>(),
                                           .dbias = dbias.data<A>()});
        });
        return {dx, weight_gradient(node, 1, dweight), weight_gradient(node, 2, dbias), dresidual};
      });
}

// Layer and group norm differ in their kernels and in the shape of their statistics. Forward and Backward are called
// with T, as dispatch_float() calls.
template <class Forward, class Backward>
static Tensor sample_norm(const char* op, const Tensor& x, const Tensor& weight, const Tensor& bias,
                          const Shape& statistics, const Forward& forward, const Backward& backward) {
  const Tensor w = checked_weight(op, "weight", weight, x, x.size(-1)),
               b = checked_weight(op, "bias", bias, x, x.size(-1));
  Tensor y = Tensor::empty_like(x), mean = Tensor::empty(statistics, statistics_dtype(x), x.device());
  Tensor invstd = Tensor::empty_like(mean);
  dispatch_float(x, op, [&]<class T>(auto& ctx) {
    using A = kernels::accumulator_t<T>;
    forward.template operator()<T>(ctx, w, b, y.data<T>(), mean.data<A>(), invstd.data<A>());
  });
  return record(
      op, y, {x, weight, bias}, [op, x, w, mean, invstd, backward](const Node& node, const Tensor& dy) -> Grads {
        Tensor dx = gradient_memory(dy);
        Tensor dweight = Tensor::empty({x.size(-1)}, mean.dtype(), x.device()), dbias = Tensor::empty_like(dweight);
        dispatch_float(x, op, [&]<class T>(auto& ctx) {
          using A = kernels::accumulator_t<T>;
          backward.template operator()<T>(
              ctx, x, w, mean.data<A>(), invstd.data<A>(), dy.data<T>(),
              kernels::LayerNormGradients<T>{
                  .dx = dx.data<T>(), .dweight = dweight.data<A>(), .dbias = dbias.data<A>()});
        });
        return {dx, weight_gradient(node, 1, dweight), weight_gradient(node, 2, dbias)};
      });
}

template <class T>
static kernels::LayerNorm<T> layer_norm_of(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  using A = kernels::accumulator_t<T>;
  return {.rows = x.numel() / x.size(-1),
          .cols = x.size(-1),
          .x = x.data<T>(),
          .weight = data_or_null<A>(weight),
          .bias = data_or_null<A>(bias)};
}

Tensor layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps) {
  check(x.rank() >= 1 && x.size(-1) > 0 && is_float(x.dtype()),
        "layer_norm: want x [..., C] of floating dtype and C > 0, got {} {}", name_of(x.dtype()), x.shape());
  return sample_norm(
      "layer_norm", x, weight, bias, {x.numel() / x.size(-1)},
      [&x, eps]<class T>(auto& ctx, const Tensor& w, const Tensor& b, T* y, auto* mean, auto* invstd) {
        kernels::layer_norm<T>(ctx, layer_norm_of<T>(x, w, b), eps, y, mean, invstd);
      },
      []<class T>(auto& ctx, const Tensor& saved_x, const Tensor& w, const auto* mean, const auto* invstd, const T* dy,
                  const kernels::LayerNormGradients<T>& gradients) {
        kernels::layer_norm_backward<T>(ctx, layer_norm_of<T>(saved_x, w, {}), mean, invstd, dy, gradients);
      });
}

template <class T>
static kernels::GroupNorm<T> group_norm_of(const Tensor& x, int64_t groups, const Tensor& weight, const Tensor& bias) {
  using A = kernels::accumulator_t<T>;
  const int64_t samples = x.size(0), channels = x.size(-1);
  return {.samples = samples,
          .rows = samples ? x.numel() / samples / channels : 0,
          .channels = channels,
          .groups = groups,
          .x = x.data<T>(),
          .weight = data_or_null<A>(weight),
          .bias = data_or_null<A>(bias)};
}

Tensor group_norm(const Tensor& x, int64_t groups, const Tensor& weight, const Tensor& bias, double eps) {
  check(x.rank() >= 2 && x.size(-1) > 0 && is_float(x.dtype()),
        "group_norm: want x [N, ..., C] of floating dtype, rank 2 or more and C > 0, got {} {}", name_of(x.dtype()),
        x.shape());
  check(groups > 0 && x.size(-1) % groups == 0,
        "group_norm: want groups of equal size of the {} channels of x {}, got {} groups", x.size(-1), x.shape(),
        groups);
  return sample_norm(
      "group_norm", x, weight, bias, {x.size(0), groups},
      [&x, groups, eps]<class T>(auto& ctx, const Tensor& w, const Tensor& b, T* y, auto* mean, auto* invstd) {
        kernels::group_norm<T>(ctx, group_norm_of<T>(x, groups, w, b), eps, y, mean, invstd);
      },
      [groups]<class T>(auto& ctx, const Tensor& saved_x, const Tensor& w, const auto* mean, const auto* invstd,
                        const T* dy, const kernels::LayerNormGradients<T>& gradients) {
        kernels::group_norm_backward<T>(ctx, group_norm_of<T>(saved_x, groups, w, {}), mean, invstd, dy, gradients);
      });
}

}  // namespace fovea
