#pragma once

#include <fovea/models/parts/encoder.h>
#include <fovea/models/parts/teacher.h>

namespace fovea::models {

// BYOL (Grill et al., 2020, arXiv:2006.07733): what the online network predicts from one view is the projection that a
// slowly following copy of it, the target, gives the other view. Train on losses::negative_cosine(
// predictor(online(view0)), target(view1)) and the same with views exchanged, and let the target follow "online.".
// Projector and predictor are Linear-BN-ReLU-Linear, features -> hidden -> out and out -> hidden -> out.
struct Byol : nn::Module {
  Encoder online;
  nn::Sequential predictor;
  Teacher<Encoder> target;

  explicit Byol(Backbone network, int64_t out = 256, int64_t hidden = 4096, Generator& generator = default_generator())
      : online(mlp_encoder(std::move(network), {hidden, out}, LastNorm::none, generator)),
        predictor(mlp_head({out, hidden, out}, LastNorm::none, generator)),
        target(online) {}
  void visit(nn::Visitor& v) override { v("online", online), v("predictor", predictor), v("target", target); }
  std::string describe() const override { return "Byol"; }
};

}  // namespace fovea::models
