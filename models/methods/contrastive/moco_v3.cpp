#include <fovea/models/methods/contrastive/moco_v3.h>

#include <cmath>

#include <fovea/losses/contrastive/info_nce.h>
#include <fovea/nn/train/schedule.h>

namespace fovea::models {

MocoV3::MocoV3(Backbone network, const MocoV3Options& o, Generator& generator)
    : options(o),
      query(mlp_encoder(std::move(network), {o.hidden, o.out}, LastNorm::batch_norm_without_affine, generator)),
      predictor(mlp_head({o.out, o.hidden, o.out}, LastNorm::none, generator)),
      key(query) {}

std::vector<Follows> MocoV3::teachers() {
  return {
      {&key, "query.", [this](const Position& at) { return nn::byol_momentum(at.step, at.steps, options.momentum); }}};
}

Tensor MocoV3::loss(const data::Batch& batch, Step& step) {
  const Tensor& x = batch.group(0);  // [2N, S, S, C], view after view
  Tensor z = query.projector(step.features(query.backbone, x));
  const auto [q1, q2] = two_views(step.gather(predictor(z), 2));
  const auto [k1, k2] = two_views(step.gather(key(x), 2));  // of these no gradient is kept
  const double t = options.temperature;
  step.watch(q1, k2);
  step.chance(4 * t * std::log(double(q1.size(0))));
  return 2 * t * (losses::info_nce(q1, k2, t) + losses::info_nce(q2, k1, t));
}

}  // namespace fovea::models
