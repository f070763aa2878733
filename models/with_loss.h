#pragma once

#include <utility>

#include <fovea/nn/module.h>

namespace fovea::models {

// A method's networks together with the loss that it trains them on, for a loss with state of its own (a running
// matrix, a centre, groups): one module, so that a checkpoint holds both and both move to a device. State names are the
// networks' own and "loss.*".
template <class Net, class Loss>
struct WithLoss : Net {
  Loss loss;

  WithLoss(Net networks, Loss criterion) : Net(std::move(networks)), loss(std::move(criterion)) {}
  void visit(nn::Visitor& v) override { Net::visit(v), v("loss", loss); }
};

}  // namespace fovea::models
