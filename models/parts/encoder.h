#pragma once

#include <vector>

#include <fovea/models/backbones/backbone.h>
#include <fovea/models/parts/heads.h>
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

// An encoder with the projector mlp_head({features, widths...}).
inline Encoder mlp_encoder(Backbone network, std::vector<int64_t> widths, LastNorm last = LastNorm::none,
                           Generator& generator = default_generator()) {
  widths.insert(widths.begin(), network.features());
  nn::Sequential head = mlp_head(widths, last, generator);
  return Encoder(std::move(network), std::move(head));
}

}  // namespace fovea::models
