#pragma once

#include <fovea/core/ops.h>
#include <fovea/models/parts/encoder.h>

namespace fovea::models {

struct VicRegLOptions {
  int64_t width = 0;        // of the projector, every layer; 0: four times the features
  int64_t local = 512;      // of the local projector, every layer
  bool layer_norm = false;  // there, in place of batch norm
};

// VICRegL (Bardes et al., 2022, arXiv:2210.01571): VICReg of whole images and of places. From a map
// backbone.feature_map(x), [N, h, w, C], come the embedding projector(mean over places), [N, width], and the places'
// local(map), [N, h w, local]; losses::vicregl takes both with the places' centres. Either projector is
// Linear-norm-ReLU-Linear-norm-ReLU-Linear; batch norm of the local one is over all places of all images.
struct VicRegL : Encoder {
  nn::Sequential local_projector;

  explicit VicRegL(Backbone network, const VicRegLOptions& options = {}, Generator& generator = default_generator());
  // Of a feature map [N, h, w, C].
  Tensor embedding(const Tensor& map) { return projector(mean(map, {1, 2})); }
  Tensor local(const Tensor& map);
  void visit(nn::Visitor& v) override { Encoder::visit(v), v("local_projector", local_projector); }
  std::string describe() const override { return "VicRegL"; }
};

}  // namespace fovea::models
