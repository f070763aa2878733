#pragma once

#include <fovea/models/methods/distillation/simsiam.h>

namespace fovea::models {

// FastSiam (Pototzky et al., 2022): SimSiam's networks on more than two views, usually four. Each view's prediction
// aims at the mean of the other views' projections (losses::mean_of_others), a target less noisy than one view, so that
// small batches and few epochs do.
struct FastSiam : SimSiam {
  using SimSiam::SimSiam;
  std::string describe() const override { return "FastSiam"; }
};

}  // namespace fovea::models
