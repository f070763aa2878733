#pragma once

#include <optional>
#include <vector>

#include <fovea/models/parts/encoder.h>
#include <fovea/models/parts/heads.h>
#include <fovea/models/parts/teacher.h>

namespace fovea::models {

// MMCR (Yerxa et al., 2023, arXiv:2303.03307): the means of all images' views spread over as many directions as
// possible. Train on losses::mmcr(model(views)). Maps images [N, H, W, C] to embeddings [N, widths.back()], not
// normalised; the projector is Linear-BN-ReLU from width to width, the last Linear plain, none with a bias: {512, 128}
// for CIFAR, {8192, 8192, 512} for ImageNet. The paper's ImageNet runs add the embeddings of a momentum network; its
// names start with "momentum.".
struct Mmcr : Encoder {
  std::optional<Teacher<Encoder>> momentum;

  explicit Mmcr(Backbone network, const std::vector<int64_t>& widths = {512, 128}, bool with_momentum = false,
                Generator& generator = default_generator())
      : Encoder(std::move(network)) {
    std::vector<HeadLayer> layers;
    for (size_t i = 0; i < widths.size(); ++i) {
      const bool last = i + 1 == widths.size();
      layers.push_back({.in = i ? widths[i - 1] : backbone.features(),
                        .out = widths[i],
                        .batch_norm = !last,
                        .relu = !last,
                        .bias = false});
    }
    projector = make_head(layers, generator);
    if (with_momentum) momentum.emplace(static_cast<const Encoder&>(*this));
  }
  void visit(nn::Visitor& v) override {
    Encoder::visit(v);
    if (momentum) v("momentum", *momentum);
  }
  std::string describe() const override { return "Mmcr"; }
};

}  // namespace fovea::models
