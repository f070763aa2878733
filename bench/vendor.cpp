#include "vendor.h"

#include <fovea/core/dispatch.h>
#include <fovea/kernels/vendor/cublas.h>
#include <fovea/kernels/vendor/cudnn.h>

namespace fovea::bench {

using testing::Inputs;

VendorCall vendor_linear(int64_t rows, int64_t out, int64_t in) {
  if (cuda_devices() == 0 || !kernels::vendor::cublas_missing().empty()) return {};
  return [=](const Inputs& inputs, bool backward) {
    Tensor x = inputs[0].detach(), w = inputs[1].detach(), y = Tensor::empty({rows, out}, x.dtype(), x.device());
    auto run = [&]<class T>() {
      kernels::Cuda& ctx = kernels::cuda(x.device().index);
      kernels::vendor::matmul(ctx, {rows, out, in, false, true}, x.data<T>(), w.data<T>(), y.data<T>());
      if (!backward) return;
      Tensor dx = Tensor::empty_like(x), dw = Tensor::empty_like(w);
      kernels::vendor::matmul(ctx, {rows, in, out, false, false}, y.data<T>(), w.data<T>(), dx.data<T>());
      kernels::vendor::matmul(ctx, {out, in, rows, true, false}, y.data<T>(), x.data<T>(), dw.data<T>());
    };
    x.dtype() == Dtype::bf16 ? run.operator()<bf16>() : run.operator()<float>();
  };
}

VendorCall vendor_conv2d(const kernels::Conv2dShape& s) {
  if (cuda_devices() == 0 || !kernels::vendor::cudnn_missing().empty()) return {};
  return [s](const Inputs& inputs, bool backward) {
    Tensor x = inputs[0].detach(), w = inputs[1].detach().to(Dtype::f32);
    Tensor y = Tensor::empty({s.n, s.out_h(), s.out_w(), s.k}, x.dtype(), x.device());
    auto run = [&]<class T>() {
      kernels::Cuda& ctx = kernels::cuda(x.device().index);
      kernels::vendor::conv2d_forward(ctx, s, x.data<T>(), w.data<float>(), nullptr, y.data<T>());
      if (!backward) return;
      Tensor dx = Tensor::empty_like(x), dw = Tensor::empty_like(w);
      kernels::vendor::conv2d_backward_data(ctx, s, y.data<T>(), w.data<float>(), dx.data<T>());
      kernels::vendor::conv2d_backward_weights(ctx, s, x.data<T>(), y.data<T>(), dw.data<float>());
    };
    x.dtype() == Dtype::bf16 ? run.operator()<bf16>() : run.operator()<float>();
  };
}

}  // namespace fovea::bench
