#pragma once

#include <fovea/models/parts/encoder.h>

namespace fovea::models {

// SimSiam (Chen & He, 2021, arXiv:2011.10566): BYOL without a second network; only a stop-gradient keeps it from
// collapsing. Train on losses::negative_cosine(predictor(z0), z1.detach()) and the same with views exchanged, z being
// the projections that calling the model gives, [N, out]. The projector is Linear-BN-ReLU-Linear-BN-ReLU-Linear-BN, the
// last without scale and shift; the predictor, a bottleneck, Linear-BN-ReLU-Linear, out -> hidden -> out.
struct SimSiam : Encoder {
  nn::Sequential predictor;

  explicit SimSiam(Backbone network, int64_t out = 2048, int64_t hidden = 512,
                   Generator& generator = default_generator())
      : Encoder(mlp_encoder(std::move(network), {out, out, out}, LastNorm::batch_norm_without_affine, generator)),
        predictor(mlp_head({out, hidden, out}, LastNorm::none, generator)) {}
  void visit(nn::Visitor& v) override { Encoder::visit(v), v("predictor", predictor); }
  std::string describe() const override { return "SimSiam"; }
};

}  // namespace fovea::models
