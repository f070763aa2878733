#include <fovea/models/methods/method.h>

#include <fovea/models/methods/evaluation.h>

namespace fovea::models {

std::vector<Player> Method::players() {
  return {{"", this, [this](const data::Batch& batch, Step& step) { return loss(batch, step); }}};
}

std::vector<Evaluation> Method::evaluations() {
  return {};
}

}  // namespace fovea::models
