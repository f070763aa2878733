#include <fovea/models/methods/distillation/tico.h>

#include <fovea/nn/train/schedule.h>

namespace fovea::models {

Tico::Tico(Backbone network, const TicoOptions& o, Generator& generator)
    : options(o),
      online(mlp_encoder(std::move(network), {o.hidden, o.out}, LastNorm::none, generator)),
      target(online),
      criterion({.features = o.out, .rho = o.rho, .beta = o.beta}) {}

std::vector<Follows> Tico::teachers() {
  return {{&target, "online.",
           [this](const Position& at) { return nn::byol_momentum(at.step, at.steps, options.momentum); }}};
}

Tensor Tico::loss(const data::Batch& batch, Step& step) {
  Tensor z1 = online.projector(step.features(online.backbone, batch.view(0)));  // [N, D]
  Tensor z2 = target(batch.view(1));                                            // of it no gradient is kept
  step.watch(z1, z2);
  return criterion(step.gather(z1), step.gather(z2));
}

}  // namespace fovea::models
