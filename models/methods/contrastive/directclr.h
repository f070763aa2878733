#pragma once

#include <fovea/models/methods/method.h>

namespace fovea::models {

struct DirectClrOptions {
  int64_t channels = 0;  // d, number of the backbone's channels that the loss sees; 0: the paper's share, 360 of 2048
  float temperature = 0.1f;          // t of InfoNCE
  bool same_view_negatives = false;  // NT-Xent: other images in the same view are negatives too
};

// DirectCLR (Jing et al., 2022, arXiv:2110.09348): SimCLR without a projector. The loss sees the first d channels of
// the backbone's own features, always the same ones; the others learn through the layers before, and all are kept.
//
//   loss = ( cross entropy of the rows of S + cross entropy of its columns ) / 2      losses::directclr
//
//   S_ij = r_i . r'_j / t, image i's label is i
//
// r, r': the first d channels of the two views' features, divided by their lengths. With same_view_negatives the loss
// of r and r' is losses::nt_xent. A batch has two views of each image.
struct DirectClr : Method {
  // Throws Error for more channels than the backbone has.
  explicit DirectClr(Backbone network, const DirectClrOptions& options = {});

  Tensor loss(const data::Batch& batch, Step& step) override;
  nn::Module* kept() override { return &backbone; }
  void visit(nn::Visitor& v) override { v("backbone", backbone); }
  std::string describe() const override { return "DirectClr"; }

  DirectClrOptions options;  // with the channels that 0 stands for
  Backbone backbone;
};

}  // namespace fovea::models
