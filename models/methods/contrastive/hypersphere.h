#pragma once

#include <fovea/models/methods/method.h>

namespace fovea::models {

struct HypersphereOptions {
  int64_t hidden = 0;                          // units of the projector's hidden layer; 0: as many as the features
  int64_t out = 128;                           // D, units of the projector's last layer
  float alpha = 2;                             // of the alignment, mean |x - y|^alpha over positive pairs
  float t = 2;                                 // of the uniformity, log mean exp(-t |x - y|^2) over pairs of images
  float align_weight = 1, uniform_weight = 1;  // a and u, weights of the two terms in the loss
};

// Alignment and uniformity on the hypersphere (Wang and Isola, 2020, arXiv:2005.10242): the two views of an image lie
// together, all images spread evenly.
//
//   loss = a A(x, y) + u (U(x) + U(y)) / 2                          losses::hypersphere
//
//   A(x, y) = mean over images i of |x_i - y_i|^alpha               alignment
//   U(x)    = log( mean over i < j of exp(-t |x_i - x_j|^2) )       uniformity
//
// x, y: the embeddings of the two views, each divided by its length. The projector is Linear-BN-ReLU-Linear, features
// -> hidden -> out: the paper's last two layers. A batch has two views of each image.
struct Hypersphere : Method {
  explicit Hypersphere(Backbone network, const HypersphereOptions& options = {},
                       Generator& generator = default_generator());

  Tensor loss(const data::Batch& batch, Step& step) override;
  nn::Module* kept() override { return &backbone; }
  void visit(nn::Visitor& v) override { v("backbone", backbone), v("projector", projector); }
  std::string describe() const override { return "Hypersphere"; }

  HypersphereOptions options;
  Backbone backbone;
  nn::Sequential projector;
};

}  // namespace fovea::models
