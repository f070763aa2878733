#include <fovea/core/ops/losses/loss.h>

#include <fovea/core/autograd.h>
#include <fovea/core/check.h>
#include <fovea/core/dispatch.h>
#include <fovea/core/ops/arith.h>
#include <fovea/core/ops/reduce.h>
#include <fovea/kernels/contrastive.h>
#include <fovea/kernels/index_check.h>
#include <fovea/kernels/nt_xent.h>
#include <fovea/kernels/xent.h>
#include <fovea/kernels/xent_pointwise.h>

// Losses of bf16 arguments are f32: the kernels sum in f32, and what a run logs should not be rounded again.
namespace fovea {
namespace {

Dtype loss_dtype(Dtype input) {
  return input == Dtype::bf16 ? Dtype::f32 : input;
}

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

void check_same(const char* op, const Tensor& x, const Tensor& target) {
  check(x.shape() == target.shape() && x.dtype() == target.dtype() && x.device() == target.device(),
        "{}: want a target of the input's shape, dtype and device ({} {} on {}), got {} {} on {}", op,
        name_of(x.dtype()), x.shape(), x.device(), name_of(target.dtype()), target.shape(), target.device());
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
  check(student.rank() == 2, "{}: want logits [N, C], got {}", name, student.shape());
  check_same(name, student, teacher);
  if (centre.defined())
    check(centre.shape() == Shape{student.size(1)} && centre.dtype() == loss_dtype(student.dtype()) &&
              centre.device() == student.device(),
          "{}: want a centre {} of {} on {}, got {} {} on {}", name, name_of(loss_dtype(student.dtype())),
          Shape{student.size(1)}, student.device(), name_of(centre.dtype()), centre.shape(), centre.device());
  check(options.student_temperature > 0 && options.teacher_temperature > 0,
        "{}: want temperatures above 0, got {} and {}", name, options.student_temperature, options.teacher_temperature);
  Tensor x = student.detach(), aim = teacher.detach(), middle = centre.defined() ? centre.detach() : Tensor();
  int64_t rows = x.size(0);
  Reduction reduction = options.reduction;
  double scale = scale_of(reduction, rows), temperature = options.student_temperature;
  auto target = [aim, middle, sharp = options.teacher_temperature]<class T>() {
    return kernels::Teacher<T>{aim.data<T>(), middle.defined() ? middle.data<kernels::accumulator_t<T>>() : nullptr,
                               sharp};
  };
  Tensor losses = Tensor::empty({rows}, loss_dtype(x.dtype()), x.device());
  Tensor lse = Tensor::empty_like(losses), teacher_lse = Tensor::empty_like(losses);
  dispatch_float(x, name, [&]<class T>(auto& ctx) {
    using Acc = kernels::accumulator_t<T>;
    kernels::distil_xent(ctx, x.data<T>(), temperature, target.template operator()<T>(), losses.data<Acc>(),
                         lse.data<Acc>(), teacher_lse.data<Acc>(), rows, x.size(1));
  });
  return record(
      name, reduced(losses, reduction, scale), {student},
      [name, x, target, lse, teacher_lse, scale, temperature, reduction](const Node&, const Tensor& dy) -> Grads {
        Tensor dx = Tensor::empty_like(x);
        dispatch_float(x, name, [&]<class T>(auto& ctx) {
          using Acc = kernels::accumulator_t<T>;
          kernels::distil_xent_backward(ctx, x.data<T>(), temperature, target.template operator()<T>(), lse.data<Acc>(),
                                        teacher_lse.data<Acc>(), dy.data<Acc>(), step_of(reduction), scale,
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

Tensor nt_xent(const Tensor& z0, const Tensor& z1, double temperature) {
  check(z0.rank() == 2 && z0.size(0) > 0, "nt_xent: want rows [N, D] with N of at least 1, got {}", z0.shape());
  check_same("nt_xent", z0, z1);
  check(temperature > 0, "nt_xent: want a temperature above 0, got {}", temperature);
  kernels::NtXent shape{z0.size(0), z0.size(1), temperature};
  Tensor a = z0.detach(), b = z1.detach();
  Tensor loss = Tensor::empty({}, loss_dtype(a.dtype()), a.device());
  Tensor lse = Tensor::empty({2 * shape.pairs}, loss.dtype(), a.device());
  dispatch_float(a, "nt_xent", [&]<class T>(auto& ctx) {
    using Acc = kernels::accumulator_t<T>;
    kernels::nt_xent(ctx, shape, a.data<T>(), b.data<T>(), loss.data<Acc>(), lse.data<Acc>());
  });
  return record("nt_xent", loss, {z0, z1}, [shape, a, b, lse](const Node& node, const Tensor& dy) -> Grads {
    Tensor da, db;
    if (node.needs_grad(0)) da = Tensor::empty_like(a);
    if (node.needs_grad(1)) db = Tensor::empty_like(b);
    dispatch_float(a, "nt_xent", [&]<class T>(auto& ctx) {
      using Acc = kernels::accumulator_t<T>;
      kernels::nt_xent_backward(ctx, shape, a.data<T>(), b.data<T>(), lse.data<Acc>(), dy.data<Acc>(),
                                da.defined() ? da.data<T>() : nullptr, db.defined() ? db.data<T>() : nullptr);
    });
    return {da, db};
  });
}

namespace {

// An undefined tensor where no gradient is wanted, and its address for a kernel: null there.
Tensor wanted(const Node& node, size_t input, const Tensor& like) {
  return node.needs_grad(input) ? Tensor::empty_like(like) : Tensor();
}
template <class T, class Any>
auto address(Any& t) {
  return t.defined() ? t.template data<T>() : nullptr;
}

void check_rows(const char* op, const Tensor& x, const Tensor& y, int64_t least) {
  check(x.rank() == 2 && x.size(0) >= least, "{}: want rows [N, D] with N of at least {}, got {}", op, least,
        x.shape());
  check_same(op, x, y);
}
void check_scalar(const char* op, const char* what, const Tensor& scalar, const Tensor& rows) {
  check(scalar.shape() == Shape{} && scalar.dtype() == loss_dtype(rows.dtype()) && scalar.device() == rows.device(),
        "{}: want {} of shape {}, {} on {}, got {} {} on {}", op, what, Shape{}, name_of(loss_dtype(rows.dtype())),
        rows.device(), name_of(scalar.dtype()), scalar.shape(), scalar.device());
}

}  // namespace

Tensor dcl(const Tensor& z0, const Tensor& z1, double temperature, const Tensor& weight) {
  check_rows("dcl", z0, z1, 2);
  check(temperature > 0, "dcl: want a temperature above 0, got {}", temperature);
  kernels::NtXent shape{z0.size(0), z0.size(1), temperature};
  Tensor a = z0.detach(), b = z1.detach(), w = weight.defined() ? weight.detach() : Tensor();
  Tensor loss = Tensor::empty({}, loss_dtype(a.dtype()), a.device());
  Tensor lse = Tensor::empty({2 * shape.pairs}, loss.dtype(), a.device());
  if (w.defined())
    check(w.shape() == Shape{shape.pairs} && w.dtype() == loss.dtype() && w.device() == a.device(),
          "dcl: want weights {} {} on {}, got {} {} on {}", name_of(loss.dtype()), Shape{shape.pairs}, a.device(),
          name_of(w.dtype()), w.shape(), w.device());
  dispatch_float(a, "dcl", [&]<class T>(auto& ctx) {
    using Acc = kernels::accumulator_t<T>;
    kernels::dcl(ctx, shape, a.data<T>(), b.data<T>(), address<Acc>(w), loss.data<Acc>(), lse.data<Acc>());
  });
  return record("dcl", loss, {z0, z1}, [shape, a, b, w, lse](const Node& node, const Tensor& dy) -> Grads {
    Tensor da = wanted(node, 0, a), db = wanted(node, 1, b);
    dispatch_float(a, "dcl", [&]<class T>(auto& ctx) {
      using Acc = kernels::accumulator_t<T>;
      kernels::dcl_backward(ctx, shape, a.data<T>(), b.data<T>(), address<Acc>(w), lse.data<Acc>(), dy.data<Acc>(),
                            address<T>(da), address<T>(db));
    });
    return {da, db};
  });
}

Tensor info_nce(const Tensor& query, const Tensor& key, const Tensor& queue, double temperature) {
  check_rows("info_nce", query, key, 1);
  check(queue.rank() == 2 && queue.size(0) > 0 && queue.size(1) == query.size(1) && is_float(queue.dtype()) &&
            queue.device() == query.device(),
        "info_nce: want a queue [K, {}] of a floating dtype on {} with K of at least 1, got {} {} on {}", query.size(1),
        query.device(), name_of(queue.dtype()), queue.shape(), queue.device());
  check(temperature > 0, "info_nce: want a temperature above 0, got {}", temperature);
  kernels::InfoNce shape{query.size(0), queue.size(0), query.size(1), temperature};
  Tensor q = query.detach(), k = key.detach(), negatives = queue.detach().to(q.dtype());
  Tensor loss = Tensor::empty({}, loss_dtype(q.dtype()), q.device());
  Tensor lse = Tensor::empty({shape.queries}, loss.dtype(), q.device());
  dispatch_float(q, "info_nce", [&]<class T>(auto& ctx) {
    using Acc = kernels::accumulator_t<T>;
    kernels::info_nce(ctx, shape, q.data<T>(), k.data<T>(), negatives.data<T>(), loss.data<Acc>(), lse.data<Acc>());
  });
  return record("info_nce", loss, {query, key},
                [shape, q, k, negatives, lse](const Node& node, const Tensor& dy) -> Grads {
                  Tensor dq = wanted(node, 0, q), dk = wanted(node, 1, k);
                  dispatch_float(q, "info_nce", [&]<class T>(auto& ctx) {
                    using Acc = kernels::accumulator_t<T>;
                    kernels::info_nce_backward(ctx, shape, q.data<T>(), k.data<T>(), negatives.data<T>(),
                                               lse.data<Acc>(), dy.data<Acc>(), address<T>(dq), address<T>(dk));
                  });
                  return {dq, dk};
                });
}

Tensor clip_loss(const Tensor& image, const Tensor& text, const Tensor& logit_scale) {
  check_rows("clip_loss", image, text, 1);
  check_scalar("clip_loss", "a logit_scale", logit_scale, image);
  kernels::Towers shape{image.size(0), image.size(1)};
  Tensor x = image.detach(), y = text.detach(), scale = logit_scale.detach();
  Tensor loss = Tensor::empty({}, loss_dtype(x.dtype()), x.device());
  Tensor lse = Tensor::empty({2 * shape.pairs}, loss.dtype(), x.device());
  dispatch_float(x, "clip_loss", [&]<class T>(auto& ctx) {
    using Acc = kernels::accumulator_t<T>;
    kernels::clip(ctx, shape, x.data<T>(), y.data<T>(), scale.data<Acc>(), loss.data<Acc>(), lse.data<Acc>());
  });
  return record("clip_loss", loss, {image, text, logit_scale},
                [shape, x, y, scale, lse](const Node& node, const Tensor& dloss) -> Grads {
                  Tensor dx = wanted(node, 0, x), dy = wanted(node, 1, y), dscale = wanted(node, 2, scale);
                  dispatch_float(x, "clip_loss", [&]<class T>(auto& ctx) {
                    using Acc = kernels::accumulator_t<T>;
                    kernels::clip_backward(ctx, shape, x.data<T>(), y.data<T>(), scale.data<Acc>(), lse.data<Acc>(),
                                           dloss.data<Acc>(), address<T>(dx), address<T>(dy), address<Acc>(dscale));
                  });
                  return {dx, dy, dscale};
                });
}

Tensor siglip_loss(const Tensor& image, const Tensor& text, const Tensor& logit_scale, const Tensor& logit_bias) {
  check_rows("siglip_loss", image, text, 1);
  check_scalar("siglip_loss", "a logit_scale", logit_scale, image);
  check_scalar("siglip_loss", "a logit_bias", logit_bias, image);
  kernels::Towers shape{image.size(0), image.size(1)};
  Tensor x = image.detach(), y = text.detach(), scale = logit_scale.detach(), bias = logit_bias.detach();
  Tensor loss = Tensor::empty({}, loss_dtype(x.dtype()), x.device());
  dispatch_float(x, "siglip_loss", [&]<class T>(auto& ctx) {
    using Acc = kernels::accumulator_t<T>;
    kernels::siglip(ctx, shape, x.data<T>(), y.data<T>(), scale.data<Acc>(), bias.data<Acc>(), loss.data<Acc>());
  });
  return record("siglip_loss", loss, {image, text, logit_scale, logit_bias},
                [shape, x, y, scale, bias](const Node& node, const Tensor& dloss) -> Grads {
                  Tensor dx = wanted(node, 0, x), dy = wanted(node, 1, y), dscale = wanted(node, 2, scale),
                         dbias = wanted(node, 3, bias);
                  dispatch_float(x, "siglip_loss", [&]<class T>(auto& ctx) {
                    using Acc = kernels::accumulator_t<T>;
                    kernels::siglip_backward(ctx, shape, x.data<T>(), y.data<T>(), scale.data<Acc>(), bias.data<Acc>(),
                                             dloss.data<Acc>(), address<T>(dx), address<T>(dy), address<Acc>(dscale),
                                             address<Acc>(dbias));
                  });
                  return {dx, dy, dscale, dbias};
                });
}

}  // namespace fovea
