#include <fovea/models/methods/method.h>

namespace fovea::models {

std::vector<Player> Method::players() {
  return {{"", this, [this](const data::Batch& batch, Step& step) { return loss(batch, step); }}};
}

}  // namespace fovea::models
