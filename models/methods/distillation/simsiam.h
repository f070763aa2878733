#pragma once

#include <fovea/models/methods/method.h>
#include <fovea/models/parts/heads.h>

namespace fovea::models {

struct SimSiamOptions {
  int64_t out = 2048;                  // D, units of the projector's layers
  int64_t bottleneck = 0;              // units of the predictor's hidden layer; 0: a quarter of D
  bool gradient_into_targets = false;  // no stop-gradient: the method collapses
};

// SimSiam (Chen & He, 2021, arXiv:2011.10566): BYOL without a second network. Each view predicts the projection of the
// other, through which no gradient flows; that alone keeps the network from collapsing.
//
//   z = f(x),  p = h(z)
//   loss = (d(p_1, stopgrad(z_2)) + d(p_2, stopgrad(z_1))) / 2,   d = losses::negative_cosine
//
// f is the backbone and a projector Linear-BN-ReLU-Linear-BN-ReLU-Linear-BN, the last without scale and shift, features
// -> D -> D -> D; the predictor h, a bottleneck, is Linear-BN-ReLU-Linear, D -> bottleneck -> D. A batch has two views
// of each image.
struct SimSiam : Method {
  explicit SimSiam(Backbone network, const SimSiamOptions& options = {}, Generator& generator = default_generator());

  Tensor loss(const data::Batch& batch, Step& step) override;
  nn::Module* kept() override { return &backbone; }
  void visit(nn::Visitor& v) override { v("backbone", backbone), v("projector", projector), v("predictor", predictor); }
  std::string describe() const override { return "SimSiam"; }

  SimSiamOptions options;
  Backbone backbone;
  nn::Sequential projector, predictor;
};

}  // namespace fovea::models
