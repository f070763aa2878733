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

}  // namespace fovea
