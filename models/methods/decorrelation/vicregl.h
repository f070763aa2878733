#pragma once

#include <fovea/models/methods/method.h>
#include <fovea/models/parts/heads.h>

namespace fovea::models {

struct VicRegLOptions {
  float alpha = 0.75f;       // loss = alpha VICReg of whole images + (1 - alpha) VICReg of matched places
  int64_t matches = 20;      // pairs of places nearest in location that are used, from the first view to the second
  int64_t matches_back = 4;  // from the second view to the first
  bool few_feature_matches = false;  // use as few of the pairs nearest in feature, not all
  int64_t width = 0;                 // D, units of the projector's layers; 0: four times the features
  int64_t local = 512;               // units of the local projector's layers
  bool layer_norm = false;           // in the local projector, in place of batch norm
};

// VICRegL (Bardes et al., 2022, arXiv:2210.01571): VICReg of whole images, and VICReg of the places that two views of
// an image share.
//
//   m = the feature map f(x),  z = projector(mean over places of m),  y = local(m), place by place
//   loss = alpha VICReg(z_1, z_2) + (1 - alpha) sum over l of VICReg(y_1, the y_2 matched by l)
//   l: each place with the nearest place of the other view, there and back, by features or by location in the image
//
// Either projector is Linear-norm-ReLU-Linear-norm-ReLU-Linear; batch norm of the local one is over all places of all
// images. losses::vicregl has the weights. A batch has two views of each image, and "places", where these lie in it.
struct VicRegL : Method {
  explicit VicRegL(Backbone network, const VicRegLOptions& options = {}, Generator& generator = default_generator());

  Tensor loss(const data::Batch& batch, Step& step) override;
  nn::Module* kept() override { return &backbone; }
  // Of a feature map [N, h, w, features]: [N, h w, local].
  Tensor local(const Tensor& map);
  void visit(nn::Visitor& v) override {
    v("backbone", backbone), v("projector", projector), v("local_projector", local_projector);
  }
  std::string describe() const override { return "VicRegL"; }

  VicRegLOptions options;
  Backbone backbone;
  nn::Sequential projector, local_projector;
};

}  // namespace fovea::models
