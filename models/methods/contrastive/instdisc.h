#pragma once

#include <fovea/models/backbones/resnet.h>
#include <fovea/models/parts/encoder.h>
#include <fovea/models/parts/heads.h>
#include <fovea/models/parts/memory.h>

namespace fovea::models {

// Instance discrimination with a memory bank (Wu et al., 2018, arXiv:1805.01978): every image is a class of its own,
// and the class weights are past features of the images. Train on losses::InstanceNce or losses::instance_softmax of
// model(x) against the bank, then bank.update(index, model(x)). Features are not normalised.
struct InstDisc : Encoder {
  MemoryBank bank;

  // For a dataset of `images`; the head is one Linear, with a batch norm after it if asked.
  InstDisc(Backbone network, int64_t images, int64_t out = 128, bool batch_norm = false,
           Generator& generator = default_generator())
      : Encoder(std::move(network)), bank(images, out, generator) {
    projector = contrast_head(backbone.features(), 0, out, batch_norm, generator);
  }
  void visit(nn::Visitor& v) override { Encoder::visit(v), v("bank", bank); }
  std::string describe() const override { return "InstDisc"; }
};

}  // namespace fovea::models
