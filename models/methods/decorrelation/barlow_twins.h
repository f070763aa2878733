#pragma once

#include <fovea/models/parts/encoder.h>

namespace fovea::models {

// Barlow Twins (Zbontar et al., 2021, arXiv:2103.03230): the dimensions of two views' embeddings correlate each with
// itself and with no other. Train on losses::barlow_twins(model(view0), model(view1)). Maps images [N, H, W, C] to
// [N, width]; the projector is Linear-BN-ReLU-Linear-BN-ReLU-Linear, every layer `width` wide. The loss does not see
// the last Linear's bias, which the authors leave out.
struct BarlowTwins : Encoder {
  // width 0: four times the features, the paper's 8192 for ResNet-50.
  explicit BarlowTwins(Backbone network, int64_t width = 0, Generator& generator = default_generator())
      : Encoder(std::move(network)) {
    projector = expander(backbone.features(), width, generator);
  }
  std::string describe() const override { return "BarlowTwins"; }
};

}  // namespace fovea::models
