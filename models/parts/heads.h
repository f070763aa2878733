#pragma once

#include <vector>

#include <fovea/nn/layer.h>

// The multi-layer heads that methods put on a backbone.
namespace fovea::models {

// One block of a head: Linear, then a norm, then an activation. A Linear directly before a batch norm has no bias
// unless `bias` says so.
struct HeadLayer {
  int64_t in = 0, out = 0;
  bool batch_norm = false;
  bool relu = false;
  bool bias = !batch_norm;
  bool affine = true;  // of the batch norm
  bool layer_norm = false;
  bool gelu = false;
};

// The head as one Sequential, children numbered as PyTorch would: features [..., in] -> [..., out], of rank 2 where a
// batch norm stands. Throws Error when one layer's `in` is not the last one's `out`.
nn::Sequential make_head(const std::vector<HeadLayer>& layers, Generator& generator = default_generator());
// lightly's projection head: Linear-BN-ReLU from width to width, the last Linear plain (with bias) or followed by a
// batch norm: {512, 2048, 2048, 256} has three Linears.
enum class LastNorm { none, batch_norm, batch_norm_without_affine };
nn::Sequential mlp_head(const std::vector<int64_t>& widths, LastNorm last = LastNorm::none,
                        Generator& generator = default_generator());
struct ContrastHeadOptions {
  int64_t in = 0, hidden = 0, out = 0;  // hidden 0: one Linear
  bool batch_norm = false;
};
// The head of methods that keep features of earlier steps to compare with: Linear-ReLU-Linear, or one Linear. With
// batch_norm a norm after each Linear, the last without affine: features then differ less from those kept.
nn::Sequential contrast_head(const ContrastHeadOptions& options, Generator& generator = default_generator());
// The projector of Barlow Twins and VICReg(L): mlp_head({features, width, width, width}); width 0: four times the
// features, the papers' 8192 for ResNet-50.
nn::Sequential expander(int64_t features, int64_t width, Generator& generator = default_generator());

}  // namespace fovea::models
