#include <fovea/models/methods/clustering/swav_queue.h>

#include <fovea/core/autograd.h>

namespace fovea::models {

SwavQueue::SwavQueue(Backbone network, int64_t size, const SwavOptions& options, Generator& generator)
    : Swav(std::move(network), options, generator),
      queue0(size, options.out, generator),
      queue1(size, options.out, generator) {}

Tensor SwavQueue::queued() {
  NoGrad no_grad;
  return prototypes(concat({queue0.rows(), queue1.rows()}));
}

void SwavQueue::remember(const Tensor& z, int64_t n) {
  queue0.push(z.slice(0, n).detach());
  queue1.push(z.slice(n, 2 * n).detach());
}

}  // namespace fovea::models
