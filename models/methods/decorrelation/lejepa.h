#pragma once

#include <fovea/models/methods/method.h>
#include <fovea/models/parts/heads.h>

namespace fovea::models {

struct LeJepaOptions {
  float lambda = 0.05f;   // lambda: loss = lambda SIGReg + (1 - lambda) squared distance of views to mu
  int64_t slices = 1024;  // random directions that SIGReg projects embeddings onto, new ones each step
  int64_t out = 64;       // D, units of the projector's last layer
  int64_t hidden = 2048;  // units of the projector's hidden layers
};

// LeJEPA (Balestriero & LeCun, 2025, arXiv:2511.08544): all views of an image agree with the mean mu of its global
// views, and SIGReg makes every projection of the embeddings onto a line normally distributed, which is all that stands
// against collapse: no teacher, no predictor, no stop-gradient, no negatives.
//
//   z = projector(f(x)),  mu = mean over the global views of z_v
//   loss = lambda SIGReg(z, directions) + (1 - lambda) mean over all views of (z_v - mu)^2
//
// The projector, as in lightly, is Linear-BN-ReLU-Linear-BN-ReLU-Linear, features -> hidden -> hidden -> D. Its batch
// norms matter: near a collapse SIGReg's gradient vanishes with the spread of the embeddings. A batch has the global
// views as its first group.
struct LeJepa : Method {
  explicit LeJepa(Backbone network, const LeJepaOptions& options = {}, Generator& generator = default_generator());

  Tensor loss(const data::Batch& batch, Step& step) override;
  nn::Module* kept() override { return &backbone; }
  void visit(nn::Visitor& v) override { v("backbone", backbone), v("projector", projector); }
  std::string describe() const override { return "LeJepa"; }

  LeJepaOptions options;
  Backbone backbone;
  nn::Sequential projector;

 protected:
  // A step's directions, [D, slices], columns of length 1.
  virtual Tensor directions(Device device);
};

}  // namespace fovea::models
