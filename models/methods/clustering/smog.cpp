#include <fovea/models/methods/clustering/smog.h>

#include <algorithm>
#include <cmath>

#include <fovea/nn/train/ema.h>

namespace fovea::models {

Smog::Smog(Backbone network, const SmogOptions& o, Generator& generator)
    : options(o),
      online(mlp_encoder(std::move(network), {o.hidden, o.out}, LastNorm::batch_norm_without_affine, generator)),
      predictor(mlp_head({o.out, o.hidden, o.out}, LastNorm::none, generator)),
      target(online),
      recent({.size = o.remembered, .dim = o.out}, generator),
      criterion({.groups = o.groups, .features = o.out, .beta = o.beta, .temperature = o.temperature}, generator) {}

std::vector<Follows> Smog::teachers() {
  return {{&target, "online.", [this](const Position&) { return double(options.momentum); }}};
}

void Smog::before_step(const Position& at) {
  if (at.step == 0 || at.step % options.reset_every != 0) return;
  criterion.reset(recent.rows().slice(0, std::min(options.remembered, at.step * options.batch)));
  nn::ema_update(target, online, 0);  // the target becomes the online network
}

Tensor Smog::loss(const data::Batch& batch, Step& step) {
  const int64_t trained = step.step() % 2;
  Tensor own = online.projector(step.features(online.backbone, batch.view(trained)));  // [N, D]
  Tensor other = target(batch.view(1 - trained));                                      // of it no gradient is kept
  step.watch(own, other);
  step.chance(std::log(double(options.groups)));
  if (step.watching()) step.watch_assignments(one_hot(criterion.assign(other), options.groups));

  Tensor p = step.gather(predictor(own)), e = step.gather(own);
  Tensor loss = criterion(p, e, step.gather(other));
  recent.push(e);
  return loss;
}

}  // namespace fovea::models
