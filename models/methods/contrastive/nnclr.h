#pragma once

#include <fovea/models/backbones/resnet.h>
#include <fovea/models/parts/encoder.h>
#include <fovea/models/parts/heads.h>
#include <fovea/models/parts/memory.h>

namespace fovea::models {

// NNCLR (Dwibedi et al., 2021, arXiv:2104.14548): the positive of a view is the other view's nearest neighbour among
// embeddings of earlier images, so that not only crops of one photograph attract. Train on losses::info_nce(
// model.neighbours(z0), p1, temperature) in both directions, where p = model.predictor(z); then push l2(z0).
struct Nnclr : Encoder {
  nn::Sequential predictor;
  Queue support;  // rows of length 1

  struct Options {
    int64_t hidden = 2048, out = 256, predictor_hidden = 4096;
    int64_t support = 4096;  // rows of the queue; 98304 in the paper
  };
  Nnclr(Backbone network, const Options& options, Generator& generator = default_generator());
  // Rows of `support` nearest to z [N, out] by cosine, [N, out] without gradients.
  Tensor neighbours(const Tensor& z) const;
  void visit(nn::Visitor& v) override;
  std::string describe() const override { return "Nnclr"; }
};

}  // namespace fovea::models
