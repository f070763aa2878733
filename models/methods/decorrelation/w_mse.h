#pragma once

#include <fovea/models/methods/method.h>
#include <fovea/models/parts/heads.h>

namespace fovea::models {

struct WMseOptions {
  int64_t out = 0;         // D, dimensions of the embeddings, which are whitened; 0: half the group, 64 at most
  int64_t hidden = 1024;   // units of the projector's hidden layer
  int64_t group = 128;     // images that are whitened together, a divisor of the batch, at least 2 D
  int64_t iterations = 1;  // random divisions into groups a step; the loss is the mean over them
  float eps = 0;           // of the whitening, by the covariance (1 - eps) S + eps I
};

// W-MSE (Ermolov et al., 2021, arXiv:2007.06346): the views of an image attract after their batches were whitened;
// whitened embeddings cannot collapse.
//
//   z = projector(f(x)),  w = whiten(z), each view of each group of images by its own mean and covariance
//   loss = mean over pairs of views (v, u) of  mean_i 2 - 2 cos(w_vi, w_ui)
//
// Groups are drawn at random in each step, on the host. The projector is Linear-BN-ReLU-Linear with biases, features ->
// hidden -> D. A batch has the views of each image in one group.
struct WMse : Method {
  explicit WMse(Backbone network, const WMseOptions& options = {}, Generator& generator = default_generator());

  Tensor loss(const data::Batch& batch, Step& step) override;
  nn::Module* kept() override { return &backbone; }
  void visit(nn::Visitor& v) override { v("backbone", backbone), v("projector", projector); }
  std::string describe() const override { return "WMse"; }

  WMseOptions options;
  Backbone backbone;
  nn::Sequential projector;
};

}  // namespace fovea::models
