#pragma once

#include <fovea/models/parts/encoder.h>
#include <fovea/models/parts/prototypes.h>

namespace fovea::models {

struct SwavOptions {
  int64_t prototypes = 3000;
  int64_t hidden = 0;  // units of the projector's hidden layer; 0: four times the features, 2048 for a ResNet-18
  int64_t out = 128;
};

// SwAV (Caron et al., 2020, arXiv:2006.09882): the code that one crop has among the prototypes is predicted from the
// other crops of the image. Train on losses::swav(prototypes(normalize(projector(h))), views) with h the backbone's
// features of all crops (multi_crop.h), after prototypes.normalize_(). The projector is Linear-BN-ReLU-Linear.
struct Swav : Encoder {
  Prototypes prototypes;

  explicit Swav(Backbone network, const SwavOptions& options = {}, Generator& generator = default_generator());
  void visit(nn::Visitor& v) override { Encoder::visit(v), v("prototypes", prototypes); }
  std::string describe() const override { return "Swav"; }
};

}  // namespace fovea::models
