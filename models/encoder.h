#pragma once

#include <fovea/models/backbone.h>
#include <fovea/nn/layer.h>

namespace fovea::models {

// A backbone and the head through which a method trains it, as one network: images [N, H, W, C] -> [N, D]. What is kept
// afterwards is the backbone.
struct Encoder : nn::Module {
  Backbone backbone;
  nn::Sequential projector;

  explicit Encoder(Backbone network, nn::Sequential head = {})
      : backbone(std::move(network)), projector(std::move(head)) {}
  Tensor operator()(const Tensor& x) { return projector(backbone(x)); }
  void visit(nn::Visitor& v) override { v("backbone", backbone), v("projector", projector); }
  std::string describe() const override { return "Encoder"; }
};

}  // namespace fovea::models
