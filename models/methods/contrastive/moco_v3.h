#pragma once

#include <fovea/models/methods/method.h>
#include <fovea/models/parts/encoder.h>
#include <fovea/models/parts/teacher.h>

namespace fovea::models {

struct MocoV3Options {
  int64_t hidden = 4096;   // units of the hidden layers of projector and predictor
  int64_t out = 256;       // D, units of the last layers of projector and predictor
  float temperature = 1;   // t of InfoNCE
  float momentum = 0.99f;  // m of the key network at the start; rises to 1 along half a cosine
};

// MoCo v3 in its form for ResNets (Chen et al., 2021, arXiv:2104.02057): no queue, the keys of the batch are the
// negatives, and a predictor stands on the trained side.
//
//   loss = 2 t ( InfoNCE(q_1, k_2) + InfoNCE(q_2, k_1) )
//   InfoNCE(q, k) = mean over images i of  -log( exp(q_i . k_i / t) / sum_j exp(q_i . k_j / t) )      losses::info_nce
//
//   key network = m key network + (1 - m) query network      after the step
//
// q: what the predictor makes of the projections of the query network; k: the projections of the key network, which
// follows it; rows are divided by their lengths. Projector Linear-BN-ReLU-Linear-BN (the last without affine), features
// -> hidden -> out; predictor Linear-BN-ReLU-Linear, out -> hidden -> out. A batch has two views of each image.
struct MocoV3 : Method {
  explicit MocoV3(Backbone network, const MocoV3Options& options = {}, Generator& generator = default_generator());

  Tensor loss(const data::Batch& batch, Step& step) override;
  nn::Module* kept() override { return &query.backbone; }
  std::vector<Follows> teachers() override;
  void visit(nn::Visitor& v) override { v("query", query), v("predictor", predictor), v("key", key); }
  std::string describe() const override { return "MocoV3"; }

  MocoV3Options options;
  Encoder query;
  nn::Sequential predictor;
  Teacher<Encoder> key;
};

}  // namespace fovea::models
