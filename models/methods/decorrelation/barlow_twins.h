#pragma once

#include <fovea/models/methods/method.h>
#include <fovea/models/parts/heads.h>

namespace fovea::models {

struct BarlowTwinsOptions {
  float lambda = 5e-3f;  // weight of the off-diagonal elements of C
  int64_t width = 0;  // D, units of the projector's layers; 0: four times the features, the paper's 8192 for ResNet-50
};

// Barlow Twins (Zbontar et al., 2021, arXiv:2103.03230): the dimensions of two views' embeddings correlate each with
// itself and with no other.
//
//   C = the correlations, over the batch, of the dimensions of z_1 with those of z_2
//   loss = sum_i (1 - C_ii)^2 + lambda sum_{i != j} C_ij^2                z = projector(f(x))
//
// The projector is Linear-BN-ReLU-Linear-BN-ReLU-Linear, every layer D wide. The loss does not see the last Linear's
// bias, which the authors leave out. A batch has two views of each image.
struct BarlowTwins : Method {
  explicit BarlowTwins(Backbone network, const BarlowTwinsOptions& options = {},
                       Generator& generator = default_generator());

  Tensor loss(const data::Batch& batch, Step& step) override;
  nn::Module* kept() override { return &backbone; }
  void visit(nn::Visitor& v) override { v("backbone", backbone), v("projector", projector); }
  std::string describe() const override { return "BarlowTwins"; }

  BarlowTwinsOptions options;
  Backbone backbone;
  nn::Sequential projector;
};

}  // namespace fovea::models
