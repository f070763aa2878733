#pragma once

#include <fovea/models/parts/encoder.h>
#include <fovea/models/parts/memory.h>
#include <fovea/models/parts/teacher.h>

namespace fovea::models {

// SMoG (Pang et al., 2022, arXiv:2207.06167): images are told apart by the groups they belong to, and the groups move
// in the very step that learns from them. Train on losses::Smog(predictor(e0), e0, target(view1)) with e0 =
// online(view0), let the target follow "online.", and keep the projections e0 of late: the groups are found anew among
// them now and then. The projector is Linear-BN-ReLU-Linear-BN, the last without scale and shift, features -> hidden ->
// out; the predictor Linear-BN-ReLU-Linear, out -> hidden -> out.
struct Smog : nn::Module {
  Encoder online;
  nn::Sequential predictor;
  Teacher<Encoder> target;
  Queue recent;  // projections, newest first

  explicit Smog(Backbone network, int64_t out = 128, int64_t hidden = 2048, int64_t remembered = 10000,
                Generator& generator = default_generator())
      : online(mlp_encoder(std::move(network), {hidden, out}, LastNorm::batch_norm_without_affine, generator)),
        predictor(mlp_head({out, hidden, out}, LastNorm::none, generator)),
        target(online),
        recent(remembered, out, generator) {}
  void visit(nn::Visitor& v) override {
    v("online", online), v("predictor", predictor), v("target", target), v("recent", recent);
  }
  std::string describe() const override { return "Smog"; }
};

}  // namespace fovea::models
