#pragma once

#include <concepts>
#include <vector>

#include <fovea/core/ops.h>

namespace fovea::models {

// The features of crops of several sizes (SwAV, Caron et al., 2020): `groups` as in data::Batch, a tensor [k N, S, S,
// C] for each size, global crops first -> [V N, F] of all V crops, all images of the first crop, then
// all of the second, and so on. Each group passes through `features` as one batch, so that batch norm has statistics
// for each size; what follows the backbone sees all crops at once.
//
//   Tensor h = multi_crop(backbone, groups);
//
// With nn::recompute inside, a few crops at a time are held for the backward pass, and not those of all groups:
//
//   Tensor h = multi_crop([&](const Tensor& x) { return nn::recompute(backbone, x, n); }, groups);
template <std::invocable<const Tensor&> Features>
Tensor multi_crop(Features&& features, const std::vector<Tensor>& groups) {
  std::vector<Tensor> parts;
  for (const Tensor& images : groups) parts.push_back(features(images));
  return concat(parts);
}

}  // namespace fovea::models
