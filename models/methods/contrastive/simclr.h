#pragma once

#include <fovea/models/backbones/resnet.h>
#include <fovea/models/parts/encoder.h>
#include <fovea/models/parts/heads.h>

namespace fovea::models {

// SimCLR (Chen et al., 2020, arXiv:2002.05709): two augmented views of an image attract, all other views of the batch
// repel. Train on losses::nt_xent(model(view0), model(view1), temperature). DCL and DCLW train the same network on
// losses::dcl. Maps images [N, H, W, C] to projections [N, out], not normalised; the projector, as in lightly, is
// Linear-BN-ReLU-Linear-BN.
struct SimClr : Encoder {
  // hidden 0: as many as the features.
  explicit SimClr(Backbone network, int64_t out = 128, int64_t hidden = 0, Generator& generator = default_generator())
      : Encoder(std::move(network)) {
    projector = mlp_head({backbone.features(), hidden > 0 ? hidden : backbone.features(), out}, LastNorm::batch_norm,
                         generator);
  }
  std::string describe() const override { return "SimClr"; }
};

}  // namespace fovea::models
