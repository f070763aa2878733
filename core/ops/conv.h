#pragma once

#include <string>

#include <fovea/core/ops/linear.h>
#include <fovea/core/tensor.h>

namespace fovea {

// A height and a width; one number sets both.
struct Size2 {
  int64_t h = 0, w = 0;
  constexpr Size2(int64_t both = 0) : h(both), w(both) {}
  constexpr Size2(int64_t height, int64_t width) : h(height), w(width) {}
  bool operator==(const Size2&) const = default;
  // "3" or "3x5", height first.
  std::string str() const;
};

struct Conv2dOptions {
  Size2 stride = 1, padding = 0, dilation = 1;
  int64_t groups = 1;
  Activation activation = Activation::none;  // of the result; relu takes no pass of its own
};
// x [N, H, W, C], weight [O, kh, kw, C / groups], bias [O] or undefined -> [N, H', W', O] with
// H' = (H + 2 padding - dilation (kh - 1) - 1) / stride + 1, as in PyTorch. Under Autocast: bf16 in, bf16 out.
Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias = {}, Conv2dOptions options = {});

struct Conv1dOptions {
  int64_t stride = 1, padding = 0, dilation = 1, groups = 1;
};
// x [N, L, C], weight [O, k, C / groups] -> [N, L', O].
Tensor conv1d(const Tensor& x, const Tensor& weight, const Tensor& bias = {}, Conv1dOptions options = {});

struct ConvTranspose2dOptions {
  Size2 stride = 1, padding = 0, output_padding = 0, dilation = 1;
  int64_t groups = 1;
};
// x [N, H, W, C], weight [C, kh, kw, O / groups] (PyTorch's I, O/g, kh, kw with channels last) -> [N, H', W', O] with
// H' = (H - 1) stride - 2 padding + dilation (kh - 1) + output_padding + 1.
Tensor conv_transpose2d(const Tensor& x, const Tensor& weight, const Tensor& bias = {},
                        ConvTranspose2dOptions options = {});

}  // namespace fovea
