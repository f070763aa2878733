#pragma once

#include <fovea/models/methods/method.h>

namespace fovea::models {

struct DclOptions {
  int64_t hidden = 0;        // units of the projector's hidden layer; 0: as many as the features
  int64_t out = 128;         // D, units of the projector's last layer
  float temperature = 0.1f;  // t of the cosines
  bool weighted = false;     // DCLW: pairs whose views lie far apart weigh more
  float sigma = 0.5f;        // of DCLW's weights 2 - N softmax(cosine / sigma): the larger, the closer to 1
};

// DCL and DCLW (Yeh et al., 2022, arXiv:2110.06848): SimCLR without the positive in its own denominator, so that
// attraction and repulsion do not hold each other back, and small batches work as well.
//
//   loss = mean over the 2N views i of  -w_i z_i . z_p(i) / t + log( sum_{k != i, p(i)} exp(z_i . z_k / t) )
//
//   DCL:   w_i = 1                                                        losses::dcl
//   DCLW:  w_i = 2 - N softmax(z_i . z_p(i) / sigma)_i, a constant        losses::dclw
//
// z: the projections, each divided by its length; p(i): the other view of i's image. Projector and views are SimCLR's:
// Linear-BN-ReLU-Linear-BN, features -> hidden -> out, and two views of each image. The loss may be negative.
struct Dcl : Method {
  explicit Dcl(Backbone network, const DclOptions& options = {}, Generator& generator = default_generator());

  Tensor loss(const data::Batch& batch, Step& step) override;
  nn::Module* kept() override { return &backbone; }
  void visit(nn::Visitor& v) override { v("backbone", backbone), v("projector", projector); }
  std::string describe() const override { return options.weighted ? "Dclw" : "Dcl"; }

  DclOptions options;
  Backbone backbone;
  nn::Sequential projector;
};

}  // namespace fovea::models
