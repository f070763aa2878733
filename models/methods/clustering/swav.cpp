#include <fovea/models/methods/clustering/swav.h>

#include <cmath>
#include <string>

#include <fovea/losses/clustering/swav.h>

namespace fovea::models {

Swav::Swav(Backbone network, const SwavOptions& o, Generator& generator)
    : options(o),
      backbone(std::move(network)),
      projector(mlp_head({backbone.features(), o.hidden > 0 ? o.hidden : 4 * backbone.features(), o.out},
                         LastNorm::none, generator)),
      prototypes({.in = o.out, .count = o.prototypes}, generator) {
  if (o.queue > 0)
    for (int i = 0; i < 2; ++i) queues.push_back(Queue({.size = o.queue, .dim = o.out}, generator));
}

void Swav::visit(nn::Visitor& v) {
  v("backbone", backbone), v("projector", projector), v("prototypes", prototypes);
  for (size_t i = 0; i < queues.size(); ++i) v("queue" + std::to_string(i), queues[i]);
}

Tensor Swav::queued() {
  NoGrad no_grad;
  return prototypes(concat({queues[0].rows(), queues[1].rows()}));
}

Tensor Swav::loss(const data::Batch& batch, Step& step) {
  const SwavOptions& o = options;
  const int64_t n = batch.size(), views = batch.view_count();
  prototypes.normalize_();
  if (o.frozen_epochs > 0) nn::freeze(prototypes, step.epoch() < double(o.frozen_epochs));
  Tensor own = normalize(projector(step.features(backbone, batch.groups())));  // [V N, D], global crops first
  step.watch(own.slice(0, n), own.slice(n, 2 * n));
  step.chance(std::log(double(o.prototypes)));

  Tensor z = step.gather(own, views);  // codes are balanced over all processes' samples
  const int64_t all = z.size(0) / views;
  const bool use_queues = !queues.empty() && (o.queue_start == 0 || step.epoch() >= double(o.queue_start));
  Tensor waiting = use_queues ? queued() : Tensor();
  Tensor scores = prototypes(z);  // [V N, K]
  if (step.watching()) step.watch_assignments(softmax(scores.slice(0, all).detach() / o.temperature));
  Tensor loss = losses::swav(scores, views, waiting, {.temperature = o.temperature, .epsilon = o.epsilon});
  for (int64_t t = 0; t < int64_t(queues.size()); ++t) queues[size_t(t)].push(z.slice(t * all, (t + 1) * all).detach());
  return loss;
}

}  // namespace fovea::models
