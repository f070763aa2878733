#pragma once

#include <fovea/models/methods/method.h>

namespace fovea::models {

struct SupConOptions {
  int64_t hidden = 0;        // units of the projector's hidden layer; 0: as many as the features
  int64_t out = 128;         // D, units of the projector's last layer
  float temperature = 0.1f;  // t of the cosines
  bool mean_inside = false;  // the mean over an image's positives inside the logarithm: the paper's weaker form
};

// SupCon (Khosla et al., 2020, arXiv:2004.11362): views of images of one class attract, all other views of the batch
// repel.
//
//   loss = losses::supcon
//        = mean over the 2N views i of  mean over p in P(i) of
//            -log( exp(z_i . z_p / t) / sum_{a != i} exp(z_i . z_a / t) )
//
// z: the projections, each divided by its length; P(i): all other views of images of i's class. The projector is
// Linear-ReLU-Linear, features -> hidden -> out, both with bias. A batch has two views of each image, and the labels.
struct SupCon : Method {
  explicit SupCon(Backbone network, const SupConOptions& options = {}, Generator& generator = default_generator());

  Tensor loss(const data::Batch& batch, Step& step) override;
  nn::Module* kept() override { return &backbone; }
  bool labelled() const override { return true; }
  void visit(nn::Visitor& v) override { v("backbone", backbone), v("projector", projector); }
  std::string describe() const override { return "SupCon"; }

  SupConOptions options;
  Backbone backbone;
  nn::Sequential projector;
};

}  // namespace fovea::models
