#pragma once

#include <fovea/models/methods/method.h>
#include <fovea/nn/layers/linear.h>

namespace fovea::models {

struct SupervisedOptions {
  int64_t classes = 10;       // C, number of classes
  float label_smoothing = 0;  // share of a label that is spread evenly over all classes
};

// Supervised learning of the same network, for comparison: a linear classifier on the backbone, trained on the labels y
// of both views.
//
//   loss = mean over views v of  1/N sum_i -log softmax(W f(x_vi) + b) at y_i
//
// A batch has two views of each image, and labels.
struct Supervised : Method {
  explicit Supervised(Backbone network, const SupervisedOptions& options = {},
                      Generator& generator = default_generator());

  Tensor loss(const data::Batch& batch, Step& step) override;
  nn::Module* kept() override { return &backbone; }
  bool labelled() const override { return true; }
  void visit(nn::Visitor& v) override { v("backbone", backbone), v("fc", fc); }
  std::string describe() const override { return "Supervised"; }

  SupervisedOptions options;
  Backbone backbone;
  nn::Linear fc;
};

}  // namespace fovea::models
