#include <fovea/models/methods/distillation/byol.h>

#include <fovea/losses/distillation/negative_cosine.h>
#include <fovea/nn/train/schedule.h>

namespace fovea::models {

Byol::Byol(Backbone network, const ByolOptions& o, Generator& generator)
    : options(o),
      online(mlp_encoder(std::move(network), {o.hidden, o.out}, LastNorm::none, generator)),
      predictor(mlp_head({o.out, o.hidden, o.out}, LastNorm::none, generator)),
      target(online) {}

std::vector<Follows> Byol::teachers() {
  return {{&target, "online.", [this](const Position& at) {
             return nn::byol_momentum(at.step, at.steps, options.momentum, options.final_momentum);
           }}};
}

Tensor Byol::loss(const data::Batch& batch, Step& step) {
  const Tensor& x = batch.group(0);                                // [2N, S, S, C], view after view
  Tensor z = online.projector(step.features(online.backbone, x));  // [2N, out]
  const auto [p1, p2] = two_views(predictor(z));
  const auto [y1, y2] = two_views(target(x));  // of these no gradient is kept
  const auto [z1, z2] = two_views(z);
  step.watch(z1, z2);
  return (losses::negative_cosine(p1, y2) + losses::negative_cosine(p2, y1)) / 2;
}

}  // namespace fovea::models
