#include <fovea/core/ops/losses/cluster.h>

#include <fovea/core/autograd.h>
#include <fovea/core/check.h>
#include <fovea/core/dispatch.h>
#include <fovea/kernels/kmeans.h>
#include <fovea/kernels/sinkhorn.h>
#include <fovea/kernels/topk.h>

namespace fovea {

Tensor sinkhorn(const Tensor& scores, const SinkhornOptions& options, const Tensor& queued) {
  const double epsilon = options.epsilon;
  const int iterations = options.iterations;
  check(scores.rank() == 2 && scores.numel() > 0,
        "sinkhorn: want scores [B, K] of at least one sample and prototype, got {}", scores.shape());
  check(epsilon > 0 && iterations > 0, "sinkhorn: want epsilon and iterations above 0, got {} and {}", epsilon,
        iterations);
  const bool waiting = queued.defined();
  check(!waiting || (queued.rank() == 2 && queued.size(1) == scores.size(1) && queued.dtype() == scores.dtype() &&
                     queued.device() == scores.device()),
        "sinkhorn: want queued scores [Q, {}], {} on {}, got {}, {} on {}", scores.size(1), name_of(scores.dtype()),
        scores.device(), waiting ? queued.shape() : Shape{}, name_of(waiting ? queued.dtype() : scores.dtype()),
        waiting ? queued.device() : scores.device());
  Tensor codes = Tensor::empty(scores.shape(), scores.dtype(), scores.device());
  dispatch_float(scores, "sinkhorn", [&]<class T>(auto& ctx) {
    kernels::sinkhorn(ctx, {scores.size(0), waiting ? queued.size(0) : 0, scores.size(1), epsilon, iterations},
                      scores.data<T>(), waiting ? queued.data<T>() : nullptr, codes.data<T>());
  });
  return codes;
}

Tensor nearest_rows(const Tensor& x, const Tensor& rows) {
  check(x.rank() == 2 && rows.rank() == 2 && rows.size(0) > 0 && rows.size(1) == x.size(1) &&
            rows.dtype() == x.dtype() && rows.device() == x.device(),
        "nearest_rows: want x [N, D] and rows [K, D] of one dtype and device with K of at least 1, got {} {} on {} and "
        "{} {} on {}",
        name_of(x.dtype()), x.shape(), x.device(), name_of(rows.dtype()), rows.shape(), rows.device());
  Tensor index = Tensor::empty({x.size(0)}, Dtype::i64, x.device());
  dispatch_float(x, "nearest_rows", [&]<class T>(auto& ctx) {
    using Acc = kernels::accumulator_t<T>;
    Tensor values = Tensor::empty(index.shape(), dtype_of<Acc>, x.device());
    kernels::topk(ctx, {.queries = x.size(0), .rows = rows.size(0), .dim = x.size(1), .k = 1}, x.data<T>(),
                  rows.data<T>(), values.data<Acc>(), index.data<int64_t>());
  });
  return index;
}

static kernels::KMeans kmeans_shape(const char* op, const Tensor& x, const Tensor& centres) {
  check(x.rank() == 2 && centres.rank() == 2 && centres.size(0) > 0 && centres.size(1) == x.size(1) &&
            centres.dtype() == x.dtype() && centres.device() == x.device(),
        "{}: want rows [N, D] and centres [K, D] of one dtype and device, got {} {} on {} and {} {} on {}", op,
        name_of(x.dtype()), x.shape(), x.device(), name_of(centres.dtype()), centres.shape(), centres.device());
  return {x.size(0), x.size(1), centres.size(0)};
}

Tensor kmeans_assign(const Tensor& x, const Tensor& centres) {
  kernels::KMeans shape = kmeans_shape("kmeans_assign", x, centres);
  Tensor labels = Tensor::empty({shape.rows}, Dtype::i64, x.device());
  dispatch_float(x, "kmeans_assign", [&]<class T>(auto& ctx) {
    Tensor distances = Tensor::empty({shape.rows}, dtype_of<kernels::accumulator_t<T>>, x.device());
    kernels::kmeans_assign(ctx, shape, x.data<T>(), centres.data<T>(), labels.data<int64_t>(),
                           distances.data<kernels::accumulator_t<T>>());
  });
  return labels;
}

Tensor kmeans_update(const Tensor& x, const Tensor& labels, const Tensor& centres) {
  kernels::KMeans shape = kmeans_shape("kmeans_update", x, centres);
  check(labels.shape() == Shape{shape.rows} && labels.dtype() == Dtype::i64 && labels.device() == x.device(),
        "kmeans_update: want labels i64 {} on {}, got {} {} on {}", Shape{shape.rows}, x.device(),
        name_of(labels.dtype()), labels.shape(), labels.device());
  Tensor updated = centres.detach().clone();
  dispatch_float(x, "kmeans_update", [&]<class T>(auto& ctx) {
    kernels::kmeans_update(ctx, shape, x.data<T>(), labels.data<int64_t>(), updated.data<T>());
  });
  return updated;
}

}  // namespace fovea
