#pragma once

#include <fovea/models/methods/method.h>
#include <fovea/models/parts/encoder.h>
#include <fovea/models/parts/teacher.h>

namespace fovea::models {

struct ByolOptions {
  int64_t hidden = 4096;                        // units of the hidden layers of projector and predictor
  int64_t out = 256;                            // D, units of the last layers of projector and predictor
  float momentum = 0.996f, final_momentum = 1;  // m of the target at the start and, along half a cosine, at the end
};

// BYOL (Grill et al., 2020, arXiv:2006.07733): what the online network predicts from one view is the projection z' that
// a slowly following copy of it, the target, gives the other view.
//
//   loss = (d(q(z_1), z'_2) + d(q(z_2), z'_1)) / 2,   d = losses::negative_cosine
//   target = m target + (1 - m) online                after the step
//
// Projector and predictor q are Linear-BN-ReLU-Linear, features -> hidden -> out and out -> hidden -> out. A batch has
// two views of each image.
struct Byol : Method {
  explicit Byol(Backbone network, const ByolOptions& options = {}, Generator& generator = default_generator());

  Tensor loss(const data::Batch& batch, Step& step) override;
  nn::Module* kept() override { return &online.backbone; }
  std::vector<Follows> teachers() override;
  void visit(nn::Visitor& v) override { v("online", online), v("predictor", predictor), v("target", target); }
  std::string describe() const override { return "Byol"; }

  ByolOptions options;
  Encoder online;
  nn::Sequential predictor;
  Teacher<Encoder> target;
};

}  // namespace fovea::models
