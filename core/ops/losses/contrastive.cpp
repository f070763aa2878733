#include <fovea/core/ops/losses/contrastive.h>

#include <fovea/core/autograd.h>
#include <fovea/core/check.h>
#include <fovea/core/dispatch.h>
#include <fovea/core/ops/arith.h>
#include <fovea/core/ops/losses/arguments.h>
#include <fovea/core/ops/reduce.h>
#include <fovea/kernels/contrastive.h>
#include <fovea/kernels/nt_xent.h>

namespace fovea {

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
