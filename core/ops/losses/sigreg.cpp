#include <fovea/core/ops/losses/sigreg.h>

#include <fovea/core/autograd.h>
#include <fovea/core/check.h>
#include <fovea/core/dispatch.h>
#include <fovea/core/ops/arith.h>
#include <fovea/core/ops/reduce.h>
#include <fovea/kernels/matmul.h>
#include <fovea/kernels/sigreg.h>

namespace fovea {

Tensor sigreg(const Tensor& z, const Tensor& directions) {
  check(z.rank() == 3 && is_float(z.dtype()) && z.size(0) > 0 && z.size(1) > 0,
        "sigreg: want embeddings [V, N, D] of at least one view and image, got {} {}", name_of(z.dtype()), z.shape());
  const Tensor x = (z.dtype() == Dtype::bf16 ? z.to(Dtype::f32) : z).detach();
  check(directions.rank() == 2 && directions.size(0) == x.size(2) && directions.size(1) > 0 &&
            directions.dtype() == x.dtype() && directions.device() == x.device(),
        "sigreg: want directions [{}, S] of {} on {}, got {} {} on {}", x.size(2), name_of(x.dtype()), x.device(),
        name_of(directions.dtype()), directions.shape(), directions.device());
  const kernels::SigReg shape{x.size(0), x.size(1), directions.size(1)};
  const int64_t rows = shape.views * shape.rows, dim = x.size(2);
  const bool backward = grad_enabled() && z.requires_grad();
  Tensor statistic = Tensor::empty({shape.views, shape.slices}, x.dtype(), x.device());
  Tensor dx = backward ? Tensor::empty_like(x) : Tensor();
  dispatch(x.device(), [&]<class Context>(Context& ctx) {
    auto run = [&]<class T>() {
      Tensor p = Tensor::empty({rows, shape.slices}, x.dtype(), x.device());
      const T* along = directions.data<T>();
      kernels::matmul(ctx, {.m = rows, .n = shape.slices, .k = dim}, x.data<T>(), along, p.data<T>());
      kernels::sigreg(ctx, shape, p.data<T>(), statistic.data<T>(), backward);
      if (backward)
        kernels::matmul(ctx, {.m = rows, .n = dim, .k = shape.slices, .transpose_b = true},
                        static_cast<const Tensor&>(p).data<T>(), along, dx.data<T>(),
                        kernels::MatmulOutput<T>{.alpha = 1 / double(statistic.numel())});
    };
    if (x.dtype() == Dtype::f32) return run.template operator()<float>();
    if constexpr (std::is_same_v<Context, kernels::Cpu>) return run.template operator()<double>();
    throw_wrong_dtype("sigreg", x.dtype(), "f32, bf16 or, on the CPU, f64");
  });
  return record("sigreg", mean(statistic), {z},
                [dx, dtype = z.dtype()](const Node&, const Tensor& dy) -> Grads { return {(dx * dy).to(dtype)}; });
}

Tensor random_directions(int64_t dim, int64_t count, Generator& generator, Device device) {
  check(dim > 0 && count > 0, "random_directions: want at least one dimension and direction, got {} and {}", dim,
        count);
  return normalize(randn({dim, count}, generator, device), 0);
}

}  // namespace fovea
