#pragma once

#include <fovea/models/methods/method.h>
#include <fovea/models/parts/heads.h>

namespace fovea::models {

struct VicRegOptions {
  float invariance = 25;  // w_i, weight of the squared distance of two views
  float variance = 25;    // w_v, weight of v, what dimensions lack of a standard deviation of 1
  float covariance = 1;   // w_c, weight of c, the squared covariances of different dimensions
  int64_t width = 0;  // D, units of the projector's layers; 0: four times the features, the paper's 8192 for ResNet-50
};

// VICReg (Bardes et al., 2021, arXiv:2105.04906): two views agree, and every dimension of their embeddings keeps its
// variance and does not correlate with the others.
//
//   loss = w_i mean (z_1 - z_2)^2 + w_v (v(z_1) + v(z_2)) / 2 + w_c (c(z_1) + c(z_2))        z = projector(f(x))
//   v(z) = mean over dimensions of max(0, 1 - sqrt(var + 1e-4)),   c(z) = sum_{i != j} Cov_ij^2 / D
//
// The projector, the paper's expander, is Linear-BN-ReLU-Linear-BN-ReLU-Linear, every layer D wide. The loss does not
// see the last Linear's bias, which the authors leave out. A batch has two views of each image.
struct VicReg : Method {
  explicit VicReg(Backbone network, const VicRegOptions& options = {}, Generator& generator = default_generator());

  Tensor loss(const data::Batch& batch, Step& step) override;
  nn::Module* kept() override { return &backbone; }
  void visit(nn::Visitor& v) override { v("backbone", backbone), v("projector", projector); }
  std::string describe() const override { return "VicReg"; }

  VicRegOptions options;
  Backbone backbone;
  nn::Sequential projector;
};

}  // namespace fovea::models
