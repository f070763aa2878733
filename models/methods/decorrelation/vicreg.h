#pragma once

#include <fovea/models/parts/encoder.h>

namespace fovea::models {

// VICReg (Bardes et al., 2021, arXiv:2105.04906): two views agree, and every dimension of their embeddings keeps its
// variance and does not correlate with the others. Train on losses::vicreg(model(view0), model(view1)). Maps images
// [N, H, W, C] to [N, width]; the projector, the paper's expander, is Linear-BN-ReLU-Linear-BN-ReLU-Linear, every layer
// `width` wide. The loss does not see the last Linear's bias, which the authors leave out.
struct VicReg : Encoder {
  // width 0: four times the features, the paper's 8192 for ResNet-50.
  explicit VicReg(Backbone network, int64_t width = 0, Generator& generator = default_generator())
      : Encoder(std::move(network)) {
    projector = expander(backbone.features(), width, generator);
  }
  std::string describe() const override { return "VicReg"; }
};

}  // namespace fovea::models
