#pragma once

#include <fovea/models/parts/encoder.h>
#include <fovea/models/parts/heads.h>

namespace fovea::models {

// Alignment and uniformity on the hypersphere (Wang and Isola, 2020, arXiv:2005.10242): views of an image lie together,
// all images spread evenly. Train on losses::hypersphere(model(view0), model(view1)). Maps images [N, H, W, C] to
// embeddings [N, out], not normalised; the projector is Linear-BN-ReLU-Linear, the paper's last two layers.
struct Hypersphere : Encoder {
  // hidden 0: as many as the features.
  explicit Hypersphere(Backbone network, int64_t out = 128, int64_t hidden = 0,
                       Generator& generator = default_generator())
      : Encoder(std::move(network)) {
    projector =
        mlp_head({backbone.features(), hidden > 0 ? hidden : backbone.features(), out}, LastNorm::none, generator);
  }
  std::string describe() const override { return "Hypersphere"; }
};

}  // namespace fovea::models
