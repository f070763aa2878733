#pragma once

#include <fovea/core/ops/conv.h>

// Pooling and resizing of images [N, H, W, C], with PyTorch's semantics.
namespace fovea {

struct Pool2dOptions {
  Size2 kernel = 2;
  Size2 stride = 0;  // 0: the kernel's
  Size2 padding = 0;
  bool ceil_mode = false;
  bool count_include_pad = true;  // average pooling only
};
Tensor max_pool2d(const Tensor& x, Pool2dOptions options);
Tensor avg_pool2d(const Tensor& x, Pool2dOptions options);
Tensor adaptive_avg_pool2d(const Tensor& x, Size2 output);
Tensor global_avg_pool(const Tensor& x);  // [N, H, W, C] -> [N, C]; bf16 in gives f32 out

enum class ResizeMode { bilinear, bicubic };
struct ResizeOptions {
  ResizeMode mode = ResizeMode::bilinear;
  bool align_corners = false;
  bool antialias = false;  // not with align_corners
};
Tensor resize(const Tensor& x, Size2 output, ResizeOptions options = {});

}  // namespace fovea
