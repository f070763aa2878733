#pragma once

#include <fovea/models/methods/distillation/simsiam.h>

namespace fovea::models {

// FastSiam (Pototzky et al., 2022): SimSiam's networks on V views, usually four. Each view predicts the mean of the
// other views' projections, a target less noisy than one view, so that small batches and few epochs do.
//
//   z = f(x),  p = h(z)
//   loss = 1/V sum_v d(p_v, stopgrad(1/(V - 1) sum_{w != v} z_w)),   d = losses::negative_cosine
//
// A batch has the V views of each image in one group.
struct FastSiam : SimSiam {
  using SimSiam::SimSiam;

  Tensor loss(const data::Batch& batch, Step& step) override;
  std::string describe() const override { return "FastSiam"; }
};

}  // namespace fovea::models
