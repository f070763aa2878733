#pragma once

#include <vector>

#include <fovea/nn/layer.h>

// The multi-layer heads that methods put on a backbone.
namespace fovea::models {

// One block of a head: Linear, then batch norm, then ReLU. A Linear directly before a batch norm has no bias unless
// `bias` says so.
struct HeadLayer {
  int64_t in = 0, out = 0;
  bool batch_norm = false;
  bool relu = false;
  bool bias = !batch_norm;
  bool affine = true;  // of the batch norm
};

// The head as one Sequential, children numbered as PyTorch would: features [N, in] -> [N, out]. Throws Error when one
// layer's `in` is not the last one's `out`.
nn::Sequential make_head(const std::vector<HeadLayer>& layers, Generator& generator = default_generator());

// SimCLR's projector as in lightly: Linear-BN-ReLU-Linear-BN.
nn::Sequential simclr_head(int64_t in, int64_t hidden, int64_t out, Generator& generator = default_generator());

}  // namespace fovea::models
