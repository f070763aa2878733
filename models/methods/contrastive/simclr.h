#pragma once

#include <fovea/models/methods/method.h>

namespace fovea::models {

struct SimClrOptions {
  int64_t hidden = 0;        // units of the projector's hidden layer; 0: as many as the features
  int64_t out = 128;         // D, units of the projector's last layer
  float temperature = 0.5f;  // t of NT-Xent
};

// SimCLR (Chen et al., 2020, arXiv:2002.05709): two augmented views of an image attract, all other views of the batch
// repel.
//
//   loss = losses::nt_xent
//        = mean over the 2N views i of  -log( exp(z_i . z_p(i) / t) / sum_{k != i} exp(z_i . z_k / t) )
//
// z: the projections, each divided by its length; p(i): the other view of i's image. The projector, as in lightly, is
// Linear-BN-ReLU-Linear-BN, features -> hidden -> out. A batch has two views of each image, which pass through the
// network together.
struct SimClr : Method {
  explicit SimClr(Backbone network, const SimClrOptions& options = {}, Generator& generator = default_generator());

  Tensor loss(const data::Batch& batch, Step& step) override;
  nn::Module* kept() override { return &backbone; }
  void visit(nn::Visitor& v) override { v("backbone", backbone), v("projector", projector); }
  std::string describe() const override { return "SimClr"; }

  SimClrOptions options;
  Backbone backbone;
  nn::Sequential projector;
};

}  // namespace fovea::models
