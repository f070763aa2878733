#pragma once

#include <fovea/losses/distillation/tico.h>
#include <fovea/models/methods/method.h>
#include <fovea/models/parts/encoder.h>
#include <fovea/models/parts/teacher.h>

namespace fovea::models {

struct TicoOptions {
  float rho = 8;           // weight of the covariance contrast
  float beta = 0.9f;       // of the embeddings' second moments: C = beta C + (1 - beta) those of the batch
  float momentum = 0.99f;  // m of the target network at the start; rises to 1 along half a cosine
  int64_t hidden = 4096;   // units of the projector's hidden layer
  int64_t out = 256;       // D, units of the projector's last layer
};

// TiCo (Zhu et al., 2022, arXiv:2206.10698): the embedding of one view agrees with the one that a slowly following copy
// of the network, the target, gives the other view, and a penalty on the embeddings' running second moments C keeps
// them spread.
//
//   C <- beta C + (1 - beta) 1/N sum_i z_i z_i^T
//   loss = 1 - 1/N sum_i z_i . z'_i + rho 1/N sum_i z_i^T C z_i        z = online(x_1), z' = target(x_2), of length 1
//   target = m target + (1 - m) online                                 after the step
//
// The projector is Linear-BN-ReLU-Linear, features -> hidden -> D. A batch has two views of each image. C is part of
// the state, as "loss.covariance".
struct Tico : Method {
  explicit Tico(Backbone network, const TicoOptions& options = {}, Generator& generator = default_generator());

  Tensor loss(const data::Batch& batch, Step& step) override;
  nn::Module* kept() override { return &online.backbone; }
  std::vector<Follows> teachers() override;
  void visit(nn::Visitor& v) override { v("online", online), v("target", target), v("loss", criterion); }
  std::string describe() const override { return "Tico"; }

  TicoOptions options;
  Encoder online;
  Teacher<Encoder> target;
  losses::Tico criterion;
};

}  // namespace fovea::models
