#pragma once

#include <fovea/core/random.h>
#include <fovea/core/tensor.h>

namespace fovea {

struct AttentionOptions {
  double scale = 0;  // 0: 1 / sqrt(D)
  bool causal = false;
  Tensor key_mask = {};            // u8 [B, T], 1 = may be attended to; undefined: all
  double dropout = 0;              // of the probabilities, in [0, 1]: 0 outside training
  Generator* generator = nullptr;  // of dropout; null: default_generator()
};
// Multi-head attention over packed projections, qkv [B, T, 3, H, D] -> [B, T, H, D] (reshape to [B, T, H * D]): softmax
// of scaled q k^T, times v. Nothing of size T x T is kept. A query that may attend to nothing gets zeros.
Tensor attention(const Tensor& qkv, const AttentionOptions& options = {});

}  // namespace fovea
