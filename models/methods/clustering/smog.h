#pragma once

#include <fovea/losses/clustering/smog.h>
#include <fovea/models/methods/method.h>
#include <fovea/models/parts/encoder.h>
#include <fovea/models/parts/memory.h>
#include <fovea/models/parts/teacher.h>

namespace fovea::models {

struct SmogOptions {
  int64_t groups = 300;        // G, number of groups
  int64_t out = 128;           // D, units of the last layers
  int64_t hidden = 2048;       // units of the hidden layers of projector and predictor
  float beta = 0.99f;          // beta of the groups: c_k = beta c_k + (1 - beta) mean of the projections nearest to it
  float temperature = 0.1f;    // t of the softmax over the groups
  float momentum = 0.99f;      // m of the target network: target = m target + (1 - m) online
  int64_t reset_every = 300;   // steps between two runs of k-means, which replace the groups by its centres
  int64_t remembered = 10000;  // number of recent projections that k-means runs on
  int64_t batch = 256;         // samples of a step, of all processes: so many projections are added to the recent ones
};

// SMoG (Pang et al., 2022, arXiv:2207.06167): images are told apart by the groups they belong to, and the groups move
// within the step that learns from them. Views take turns: x_1 is the first view in even steps and the second in odd
// ones, x_2 the other.
//
//   e = online(x_1),  p = predictor(e),  e' = target(x_2),  g(e) = the group of the largest cosine with e
//   c'_k = beta c_k + (1 - beta) mean of the e_i with g(e_i) = k
//   loss = 1/N sum_i -log softmax_k(cos(p_i, c'_k) / t) at k = g(e'_i)
//   target = m target + (1 - m) online                                   after the step
//
// Every reset_every steps the groups begin anew, as the centres of a k-means among the latest projections, and the
// target as a copy of the online network.
//
// The projector is Linear-BN-ReLU-Linear-BN, the last without scale and shift, features -> hidden -> D; the predictor
// Linear-BN-ReLU-Linear, D -> hidden -> D. A batch has two views of each image. c is part of the state, as
// "loss.groups".
struct Smog : Method {
  explicit Smog(Backbone network, const SmogOptions& options = {}, Generator& generator = default_generator());

  Tensor loss(const data::Batch& batch, Step& step) override;
  nn::Module* kept() override { return &online.backbone; }
  std::vector<Follows> teachers() override;
  void before_step(const Position& at) override;
  void visit(nn::Visitor& v) override {
    v("online", online), v("predictor", predictor), v("target", target), v("recent", recent), v("loss", criterion);
  }
  std::string describe() const override { return "Smog"; }

  SmogOptions options;
  Encoder online;
  nn::Sequential predictor;
  Teacher<Encoder> target;
  Queue recent;  // projections, newest first
  losses::Smog criterion;
};

}  // namespace fovea::models
