#pragma once

#include <fovea/models/methods/method.h>
#include <fovea/models/parts/memory.h>

namespace fovea::models {

struct NnclrOptions {
  int64_t hidden = 2048;         // units of the projector's hidden layers
  int64_t out = 256;             // D, units of the last layers of projector and predictor
  int64_t predictor_hidden = 0;  // units of the predictor's hidden layer; 0: twice as many as `hidden`
  int64_t support = 4096;        // size of the support set Q: embeddings of earlier batches; 98304 in the paper
  float temperature = 0.1f;      // t of the cosines
  bool nt_xent = false;          // NT-Xent: other images' neighbours and predictions are both negatives, as in lightly
};

// NNCLR (Dwibedi et al., 2021, arXiv:2104.14548): the positive of a view is the other view's nearest neighbour among
// embeddings of earlier images, the support set Q, so that not only crops of one photograph attract.
//
//   loss = ( L(nn(z_1), p_2) + L(nn(z_2), p_1) ) / 2
//   L(n, p) = mean over images i of  -log( exp(n_i . p_i / t) / sum_j exp(n_i . p_j / t) )      losses::info_nce
//
//   Q <- z_1                                                 after the neighbours are found
//
// z: the projections; p: what the predictor makes of them; nn(z): the row of Q with the largest cosine to z; rows are
// divided by their lengths. With nt_xent L is losses::nt_xent. Projector Linear-BN-ReLU-Linear-BN-ReLU-Linear-BN,
// features -> hidden -> hidden -> out; predictor Linear-BN-ReLU-Linear. A batch has two views of each image.
struct Nnclr : Method {
  explicit Nnclr(Backbone network, const NnclrOptions& options = {}, Generator& generator = default_generator());

  Tensor loss(const data::Batch& batch, Step& step) override;
  nn::Module* kept() override { return &backbone; }
  void visit(nn::Visitor& v) override;
  std::string describe() const override { return "Nnclr"; }

  // nn(z): rows of the support set, [N, out] without gradient, for z [N, out].
  Tensor neighbours(const Tensor& z) const;

  NnclrOptions options;
  Backbone backbone;
  Queue support;  // rows of length 1
  nn::Sequential projector, predictor;
};

}  // namespace fovea::models
