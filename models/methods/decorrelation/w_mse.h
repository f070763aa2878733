#pragma once

#include <fovea/models/parts/encoder.h>
#include <fovea/models/parts/heads.h>

namespace fovea::models {

// W-MSE (Ermolov et al., 2021, arXiv:2007.06346): the views of an image attract after whitening. Train on
// losses::w_mse(model(views)). Maps images [N, H, W, C] to embeddings [N, out], neither whitened nor normalised; the
// projector is Linear-BN-ReLU-Linear with biases.
struct WMse : Encoder {
  explicit WMse(Backbone network, int64_t out = 64, int64_t hidden = 1024, Generator& generator = default_generator())
      : Encoder(std::move(network)) {
    projector = make_head(
        {{.in = backbone.features(), .out = hidden, .batch_norm = true, .relu = true, .bias = true}, {hidden, out}},
        generator);
  }
  std::string describe() const override { return "WMse"; }
};

}  // namespace fovea::models
