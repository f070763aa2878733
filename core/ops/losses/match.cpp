#include <fovea/core/ops/losses/match.h>

#include <fovea/core/check.h>
#include <fovea/core/dispatch.h>
#include <fovea/kernels/match.h>

namespace fovea {

Matches match_nearest(const Tensor& a, const Tensor& b, int64_t count) {
  check(a.rank() == 3 && b.rank() == 3 && b.size(0) == a.size(0) && b.size(1) > 0 && b.size(2) == a.size(2) &&
            b.dtype() == a.dtype() && b.device() == a.device(),
        "match_nearest: want maps [N, P, D] and [N, Q, D] of one dtype and device, got {} {} on {} and {} {} on {}",
        name_of(a.dtype()), a.shape(), a.device(), name_of(b.dtype()), b.shape(), b.device());
  check(count >= 1 && count <= a.size(1), "match_nearest: want 1 to {} matches of the places of {}, got {}", a.size(1),
        a.shape(), count);
  Matches matches{Tensor::empty({a.size(0), count}, Dtype::i64, a.device()),
                  Tensor::empty({a.size(0), count}, Dtype::i64, a.device())};
  dispatch_float(a, "match_nearest", [&]<class T>(auto& ctx) {
    kernels::match_nearest(ctx, {a.size(0), a.size(1), b.size(1), a.size(2), count}, a.data<T>(), b.data<T>(),
                           matches.a.data<int64_t>(), matches.b.data<int64_t>());
  });
  return matches;
}

Tensor cell_centres(const Tensor& affine, int64_t height, int64_t width) {
  check(affine.rank() == 3 && affine.size(1) == 2 && affine.size(2) == 3 && affine.dtype() == Dtype::f32,
        "cell_centres: want f32 maps [N, 2, 3], got {} {}", name_of(affine.dtype()), affine.shape());
  check(height > 0 && width > 0, "cell_centres: want at least one cell, got {} x {}", height, width);
  Tensor centres = Tensor::empty({affine.size(0), height * width, 2}, Dtype::f32, affine.device());
  dispatch(affine.device(), [&](auto& ctx) {
    kernels::cell_centres(ctx, affine.data<float>(), affine.size(0), height, width, centres.data<float>());
  });
  return centres;
}

}  // namespace fovea
