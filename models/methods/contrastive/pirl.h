#pragma once

#include <fovea/models/backbones/resnet.h>
#include <fovea/models/parts/encoder.h>
#include <fovea/models/parts/heads.h>
#include <fovea/models/parts/memory.h>

namespace fovea::models {

// PIRL (Misra & van der Maaten, 2019, arXiv:1912.01991): an image and a jigsaw of it must both match what the memory
// bank holds of the image, so that features do not depend on where its parts lie. Train on (1 - w) of the loss of
// model(x) and w of that of model.jigsaw(puzzle), both against the image's row of the bank, then
// bank.update(index, model(x)). Neither is normalised.
struct Pirl : Encoder {
  static constexpr int64_t kSide = 3;  // patches in a row of the jigsaw
  nn::Sequential patch_head, jigsaw_head;
  MemoryBank bank;

  // For a dataset of `images`; each head is one Linear, with a batch norm after it if asked.
  Pirl(Backbone network, int64_t images, int64_t out = 128, bool batch_norm = false,
       Generator& generator = default_generator());
  // Jigsaws [N, 3 p, 3 p, C] as data::pirl_views makes them -> [N, out]: each patch goes through the backbone by itself
  // and through patch_head, jigsaw_head joins the nine.
  Tensor jigsaw(const Tensor& x);
  void visit(nn::Visitor& v) override;
  std::string describe() const override { return "Pirl"; }
};

}  // namespace fovea::models
