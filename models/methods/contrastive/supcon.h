#pragma once

#include <fovea/models/parts/encoder.h>
#include <fovea/models/parts/heads.h>

namespace fovea::models {

// SupCon (Khosla et al., 2020, arXiv:2004.11362): views of images of one class attract, all other views of the batch
// repel. Train on losses::supcon(model(views), labels, temperature). Maps images [N, H, W, C] to projections [N, out],
// not normalised; the projector is Linear-ReLU-Linear, both with bias.
struct SupCon : Encoder {
  // hidden 0: as many as the features.
  explicit SupCon(Backbone network, int64_t out = 128, int64_t hidden = 0, Generator& generator = default_generator())
      : Encoder(std::move(network)) {
    if (hidden <= 0) hidden = backbone.features();
    projector =
        make_head({{.in = backbone.features(), .out = hidden, .relu = true}, {.in = hidden, .out = out}}, generator);
  }
  std::string describe() const override { return "SupCon"; }
};

}  // namespace fovea::models
