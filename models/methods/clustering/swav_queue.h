#pragma once

#include <fovea/models/methods/clustering/swav.h>
#include <fovea/models/parts/memory.h>

namespace fovea::models {

// SwAV (swav.h) with the projections of earlier batches, a queue for each of the two global crops: they help to balance
// codes where a batch is smaller than the number of prototypes.
struct SwavQueue : Swav {
  Queue queue0, queue1;

  explicit SwavQueue(Backbone network, int64_t size = 3840, const SwavOptions& options = {},
                     Generator& generator = default_generator());
  // The scores of what the queues hold, [2 size, K], without gradient: losses::swav's `queued`.
  Tensor queued();
  // Puts the projections of the global crops, the first two groups of n rows of z, into the queues: after the loss.
  void remember(const Tensor& z, int64_t n);
  void visit(nn::Visitor& v) override { Swav::visit(v), v("queue0", queue0), v("queue1", queue1); }
  std::string describe() const override { return "SwavQueue"; }
};

}  // namespace fovea::models
