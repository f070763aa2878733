#pragma once

#include <fovea/models/parts/encoder.h>
#include <fovea/models/parts/teacher.h>

namespace fovea::models {

// TiCo (Zhu et al., 2022, arXiv:2206.10698): the embeddings of one view agree with those that a slowly following copy
// of the network, the target, gives the other; losses::Tico's penalty keeps them spread. Train on Tico(online(view0),
// target(view1)) and let the target follow "online.". The projector is Linear-BN-ReLU-Linear, features -> hidden ->
// out.
struct Tico : nn::Module {
  Encoder online;
  Teacher<Encoder> target;

  explicit Tico(Backbone network, int64_t out = 256, int64_t hidden = 4096, Generator& generator = default_generator())
      : online(mlp_encoder(std::move(network), {hidden, out}, LastNorm::none, generator)), target(online) {}
  void visit(nn::Visitor& v) override { v("online", online), v("target", target); }
  std::string describe() const override { return "Tico"; }
};

}  // namespace fovea::models
