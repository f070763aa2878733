#include <fovea/core/ops/losses/loss.h>

#include <fovea/core/autograd.h>
#include <fovea/core/check.h>
#include <fovea/core/dispatch.h>
#include <fovea/core/ops/arith.h>
#include <fovea/core/ops/losses/arguments.h>
#include <fovea/core/ops/reduce.h>
#include <fovea/kernels/index_check.h>
#include <fovea/kernels/xent.h>
#include <fovea/kernels/xent_pointwise.h>

namespace fovea {
namespace {

// What a reduction multiplies the sum of the losses with. The mean over none is NaN, as in PyTorch: 0 times infinity.
double scale_of(Reduction reduction, int64_t counted) {
  return reduction == Reduction::mean ? 1 / double(counted) : 1;
}

Tensor reduced(const Tensor& losses, Reduction reduction, double scale) {
  if (reduction == Reduction::none) return losses;
  Tensor total = sum(losses);
  return mul_(total, scale);
}

// How backward steps through the gradient of the result: one for all losses, or one each.
int64_t step_of(Reduction reduction) {
  return reduction == Reduction::none ? 1 : 0;
}

Tensor pointwise(const char* name, kernels::PointwiseLoss loss, const Tensor& x, const Tensor& target,
                 Reduction reduction) {
  check_same(name, x, target);
  Tensor input = x.detach(), aim = target.detach();
  double scale = scale_of(reduction, x.numel());
  Tensor y = Tensor::empty(reduction == Reduction::none ? x.shape() : Shape{}, loss_dtype(x.dtype()), x.device());
  dispatch_float(x, name, [&]<class T>(auto& ctx) {
    auto* out = y.data<kernels::accumulator_t<T>>();
    if (reduction == Reduction::none)
      kernels::pointwise_loss(ctx, loss, input.data<T>(), aim.data<T>(), out, x.numel());
    else
      kernels::pointwise_loss_sum(ctx, loss, input.data<T>(), aim.data<T>(), scale, out, x.numel());
  });
  return record(
      name, y, {x, target}, [name, loss, input, aim, scale, reduction](const Node& node, const Tensor& dy) -> Grads {
        Tensor dx, dt;
        if (node.needs_grad(0)) dx = Tensor::empty_like(input);
        if (node.needs_grad(1)) dt = Tensor::empty_like(aim);
        dispatch_float(input, name, [&]<class T>(auto& ctx) {
          kernels::pointwise_loss_backward(
              ctx, loss, input.data<T>(), aim.data<T>(), dy.data<kernels::accumulator_t<T>>(), step_of(reduction),
              scale, dx.defined() ? dx.data<T>() : nullptr, dt.defined() ? dt.data<T>() : nullptr, input.numel());
        });
        return {dx, dt};
      });
}

// Labels as the kernels may use them. On the CPU they are checked and counted now. On a device they are a copy that
// ignores what is out of range, the error comes when the host next waits for the device, the mean's scale stays there.
struct Labels {
  Tensor labels;
  int64_t counted = 0;  // those that are not ignored
  Tensor device_scale;  // 1 / counted, f32, for a mean on a device

  Tensor scaled(const Tensor& t) const {
    NoGrad no_grad;
    return device_scale.defined() ? t * device_scale : t;
  }
};

Labels checked_labels(const Tensor& labels, int64_t classes, const CrossEntropyOptions& options) {
  const int64_t rows = labels.numel(), ignored = options.ignore_index;
  if constexpr (kHasCuda) {
    if (labels.device().is_cuda()) {
      Labels out{Tensor::empty_like(labels), rows, {}};
      if (options.reduction == Reduction::mean) out.device_scale = Tensor::empty({}, Dtype::f32, labels.device());
      kernels::check_index(kernels::cuda(labels.device().index), {"cross_entropy", classes, ignored, "labels"},
                           labels.data<int64_t>(), out.labels.data<int64_t>(), rows,
                           out.device_scale.defined() ? out.device_scale.data<float>() : nullptr);
      return out;
    }
  }
  kernels::LabelCheck found = kernels::check_labels(kernels::cpu(), labels.data<int64_t>(), rows, classes, ignored);
  if (found.bad_row >= 0)
    throw Error(
        fmt::format("cross_entropy: want labels from 0 to {} for {} classes (or {} to ignore a row), got {} in row {}",
                    classes - 1, classes, ignored, labels.data<int64_t>()[found.bad_row], found.bad_row));
  return {labels.detach(), found.counted, {}};
}

void check_distillation(const char* name, const Tensor& student, const Tensor& teacher, const Tensor& centre,
                        const DistillationOptions& options) {
  const int64_t views = options.views;
  check(student.rank() == 2 && views >= 1 && student.size(0) % views == 0,
        "{}: want the student's logits [V N, C], got {} for V = {}", name, student.shape(), views);
  const int64_t n = student.size(0) / views;
  check(teacher.rank() == 2 && teacher.size(1) == student.size(1) && teacher.dtype() == student.dtype() &&
            teacher.device() == student.device() && teacher.size(0) <= student.size(0) &&
            (views == 1 || n == 0 ? teacher.size(0) == student.size(0) : teacher.size(0) % n == 0),
        "{}: want the teacher's logits {} [T N, C] for the student's {} of {} view{} on {}, got {} {} on {}", name,
        name_of(student.dtype()), student.shape(), views, views == 1 ? "" : "s", student.device(),
        name_of(teacher.dtype()), teacher.shape(), teacher.device());
  if (centre.defined())
    check(centre.shape() == Shape{student.size(1)} && centre.dtype() == loss_dtype(student.dtype()) &&
              centre.device() == student.device(),
          "{}: want a centre {} of {} on {}, got {} {} on {}", name, name_of(loss_dtype(student.dtype())),
          Shape{student.size(1)}, student.device(), name_of(centre.dtype()), centre.shape(), centre.device());
  check(options.student_temperature > 0 && options.teacher_temperature > 0,
        "{}: want temperatures above 0, got {} and {}", name, options.student_temperature, options.teacher_temperature);
}

}  // namespace

Tensor cross_entropy(const Tensor& logits, const Tensor& labels, const CrossEntropyOptions& options) {
  check(logits.rank() == 2 && labels.shape() == Shape{logits.size(0)} && labels.dtype() == Dtype::i64,
        "cross_entropy: want logits [N, C] and i64 labels [N], got {} and {} {}", logits.shape(),
        name_of(labels.dtype()), labels.shape());
  check(labels.device() == logits.device(), "cross_entropy: want labels on {}, got {}", logits.device(),
        labels.device());
  check(options.label_smoothing >= 0 && options.label_smoothing < 1,
        "cross_entropy: want label_smoothing in [0, 1), got {}", options.label_smoothing);
  int64_t rows = logits.size(0), classes = logits.size(1);
  Labels found = checked_labels(labels, classes, options);
  Tensor x = logits.detach(), chosen = found.labels;
  Tensor losses = Tensor::empty({rows}, loss_dtype(x.dtype()), x.device()), lse = Tensor::empty_like(losses);
  auto target = [ignored = options.ignore_index, smoothing = options.label_smoothing](const Tensor& t) {
    return kernels::HardTarget{t.data<int64_t>(), ignored, smoothing};
  };
  dispatch_float(x, "cross_entropy", [&]<class T>(auto& ctx) {
    using Acc = kernels::accumulator_t<T>;
    kernels::xent(ctx, x.data<T>(), target(chosen), losses.data<Acc>(), lse.data<Acc>(), rows, classes);
  });
  Reduction reduction = options.reduction;
  double scale = found.device_scale.defined() ? 1 : scale_of(reduction, found.counted);
  Tensor loss = found.scaled(reduced(losses, reduction, scale));
  return record("cross_entropy", loss, {logits},
                [x, found, lse, target, scale, reduction](const Node&, const Tensor& dloss) -> Grads {
                  Tensor dx = Tensor::empty_like(x), dy = found.scaled(dloss);
                  dispatch_float(x, "cross_entropy", [&]<class T>(auto& ctx) {
                    using Acc = kernels::accumulator_t<T>;
                    kernels::xent_backward(ctx, x.data<T>(), target(found.labels), lse.data<Acc>(), dy.data<Acc>(),
                                           step_of(reduction), scale, dx.data<T>(), x.size(0), x.size(1));
                  });
                  return {dx};
                });
}

Tensor soft_cross_entropy(const Tensor& logits, const Tensor& target, Reduction reduction) {
  check(logits.rank() == 2, "soft_cross_entropy: want logits [N, C], got {}", logits.shape());
  check_same("soft_cross_entropy", logits, target);
  Tensor x = logits.detach(), aim = target.detach();
  int64_t rows = x.size(0);
  double scale = scale_of(reduction, rows);
  Tensor losses = Tensor::empty({rows}, loss_dtype(x.dtype()), x.device());
  Tensor lse = Tensor::empty_like(losses), mass = Tensor::empty_like(losses);
  dispatch_float(x, "soft_cross_entropy", [&]<class T>(auto& ctx) {
    using Acc = kernels::accumulator_t<T>;
    kernels::soft_xent(ctx, x.data<T>(), aim.data<T>(), losses.data<Acc>(), lse.data<Acc>(), mass.data<Acc>(), rows,
                       x.size(1));
  });
  return record("soft_cross_entropy", reduced(losses, reduction, scale), {logits},
                [x, aim, lse, mass, scale, reduction](const Node&, const Tensor& dy) -> Grads {
                  Tensor dx = Tensor::empty_like(x);
                  dispatch_float(x, "soft_cross_entropy", [&]<class T>(auto& ctx) {
                    using Acc = kernels::accumulator_t<T>;
                    kernels::soft_xent_backward(ctx, x.data<T>(), aim.data<T>(), lse.data<Acc>(), mass.data<Acc>(),
                                                dy.data<Acc>(), step_of(reduction), scale, dx.data<T>(), x.size(0),
                                                x.size(1));
                  });
                  return {dx};
                });
}

Tensor distillation_cross_entropy(const Tensor& student, const Tensor& teacher, const Tensor& centre,
                                  const DistillationOptions& options) {
  const char* name = "distillation_cross_entropy";
  check_distillation(name, student, teacher, centre, options);
  const Tensor x = student.detach(), aim = teacher.detach();
  const Tensor middle = centre.defined() ? centre.detach().clone() : Tensor();  // it moves between forward and backward
  const int64_t views = options.views, rows = x.size(0), images = rows / views;
  const Reduction reduction = options.reduction;
  const double scale = scale_of(reduction, views > 1 ? aim.size(0) * (views - 1) : rows);
  const double temperature = options.student_temperature;
  Tensor losses = Tensor::empty({rows}, loss_dtype(x.dtype()), x.device()), lse = Tensor::empty_like(losses);
  Tensor teacher_lse = Tensor::empty({aim.size(0)}, losses.dtype(), x.device());
  auto rows_of = [aim, middle, teacher_lse, images, views, sharp = options.teacher_temperature]<class T>() {
    using Acc = kernels::accumulator_t<T>;
    return kernels::Teacher<T>{.logits = aim.data<T>(),
                               .centre = middle.defined() ? middle.data<Acc>() : nullptr,
                               .temperature = sharp,
                               .lse = teacher_lse.data<Acc>(),
                               .images = images,
                               .views = images > 0 ? aim.size(0) / images : 0,
                               .same_view = views == 1};
  };
  dispatch_float(x, name, [&]<class T>(auto& ctx) {
    using Acc = kernels::accumulator_t<T>;
    const auto meets = rows_of.template operator()<T>();
    kernels::distil_lse(ctx, meets, teacher_lse.data<Acc>(), x.size(1));
    kernels::distil_xent(ctx, x.data<T>(), temperature, meets, losses.data<Acc>(), lse.data<Acc>(), rows, x.size(1));
  });
  return record(name, reduced(losses, reduction, scale), {student},
                [name, x, rows_of, lse, scale, temperature, reduction](const Node&, const Tensor& dy) -> Grads {
                  Tensor dx = Tensor::empty_like(x);
                  dispatch_float(x, name, [&]<class T>(auto& ctx) {
                    using Acc = kernels::accumulator_t<T>;
                    kernels::distil_xent_backward(ctx, x.data<T>(), temperature, rows_of.template operator()<T>(),
                                                  lse.data<Acc>(), dy.data<Acc>(), step_of(reduction), scale,
                                                  dx.data<T>(), x.size(0), x.size(1));
                  });
                  return {dx};
                });
}

Tensor bce_with_logits(const Tensor& logits, const Tensor& target, Reduction reduction) {
  return pointwise("bce_with_logits", {kernels::Pointwise::bce}, logits, target, reduction);
}
Tensor mse_loss(const Tensor& input, const Tensor& target, Reduction reduction) {
  return pointwise("mse_loss", {kernels::Pointwise::mse}, input, target, reduction);
}
Tensor l1_loss(const Tensor& input, const Tensor& target, Reduction reduction) {
  return pointwise("l1_loss", {kernels::Pointwise::l1}, input, target, reduction);
}
Tensor smooth_l1_loss(const Tensor& input, const Tensor& target, double beta, Reduction reduction) {
  check(beta >= 0, "smooth_l1_loss: want beta of at least 0, got {}", beta);
  kernels::Pointwise kind = beta > 0 ? kernels::Pointwise::smooth_l1 : kernels::Pointwise::l1;
  return pointwise("smooth_l1_loss", {kind, beta}, input, target, reduction);
}

}  // namespace fovea
