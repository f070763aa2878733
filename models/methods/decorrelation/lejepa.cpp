#include <fovea/models/methods/decorrelation/lejepa.h>

#include <fovea/losses/decorrelation/lejepa.h>

namespace fovea::models {

LeJepa::LeJepa(Backbone network, const LeJepaOptions& o, Generator& generator)
    : options(o),
      backbone(std::move(network)),
      projector(mlp_head({backbone.features(), o.hidden, o.hidden, o.out}, LastNorm::none, generator)) {}

Tensor LeJepa::directions(Device device) {
  return random_directions(options.out, options.slices, default_generator(), device);
}

Tensor LeJepa::loss(const data::Batch& batch, Step& step) {
  const int64_t n = batch.size(), views = batch.view_count(), globals = batch.group(0).size(0) / n;
  Tensor z = projector(step.features(backbone, batch.groups()));  // [V N, D], view after view, the global ones first
  step.watch(z.slice(0, n), z.slice(n, 2 * n));
  Tensor all = step.gather(z, views).reshape({views, -1, options.out});
  return losses::lejepa(all, globals, directions(z.device()), options.lambda);
}

}  // namespace fovea::models
