#pragma once

#include <fovea/models/heads.h>
#include <fovea/models/resnet.h>

namespace fovea::models {

// SimCLR (Chen et al., 2020, arXiv:2002.05709): two augmented views of an image attract, all other views of the batch
// repel. Train on losses::nt_xent(model(view0), model(view1), temperature); `backbone` alone is what is kept
// afterwards.
struct SimClr : nn::Module {
  ResNet backbone;
  nn::Sequential projector;

  // The projector maps features -> hidden -> out; hidden 0 means as many as the features.
  explicit SimClr(ResNet encoder, int64_t out = 128, int64_t hidden = 0, Generator& generator = default_generator());
  // Images [N, H, W, C] -> projections [N, out], not normalised.
  Tensor operator()(const Tensor& x) { return projector(backbone(x)); }
  void visit(nn::Visitor& v) override;
  std::string describe() const override { return "SimClr"; }
};

}  // namespace fovea::models
