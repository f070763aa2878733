#pragma once

#include <fovea/models/parts/encoder.h>

namespace fovea::models {

// LeJEPA (Balestriero & LeCun, 2025, arXiv:2511.08544): all views of an image agree, and SIGReg makes the embeddings
// normal. Train on losses::lejepa of model(views) as [V, N, out]. Maps images [N, H, W, C] to [N, out]; the projector,
// as in lightly, is Linear-BN-ReLU-Linear-BN-ReLU-Linear, features -> hidden -> hidden -> out. Its batch norms matter:
// near a collapse SIGReg's gradient vanishes with the spread of the embeddings.
struct LeJepa : Encoder {
  explicit LeJepa(Backbone network, int64_t out = 64, int64_t hidden = 2048, Generator& generator = default_generator())
      : Encoder(mlp_encoder(std::move(network), {hidden, hidden, out}, LastNorm::none, generator)) {}
  std::string describe() const override { return "LeJepa"; }
};

}  // namespace fovea::models
