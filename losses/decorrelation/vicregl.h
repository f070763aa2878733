#pragma once

#include <vector>

#include <fovea/losses/decorrelation/vicreg.h>

namespace fovea::losses {

// What a view leaves of N images.
struct VicReglView {
  Tensor embedding;  // [N, D]: of the pooled features
  Tensor map;        // [N, P, E]: of each of P places
  Tensor centres;    // [N, P, 2]: where in the image these places lie: cell_centres() (core/ops/losses/match.h)
};

struct VicReglOptions {
  double alpha = 0.75;         // share of the global loss
  VicRegOptions weights = {};  // of both
  int64_t matches = 20;        // nearest pairs of places that are used, from the first view of a pair to the second
  int64_t matches_back = 4;    // and from the second to the first; at most all places, each
  bool all_feature_matches = true;  // for pairs that are near by their features: all places, as in the authors' code
};

// VICRegL (Bardes et al., 2022, arXiv:2210.01571): VICReg of the pooled embeddings, and VICReg of pairs of places.
//
//   loss = alpha global + (1 - alpha) local
//
// global: w_i times the mean over ordered pairs of views of mean (z_v - z_w)^2, plus w_v times the mean of variance()
// and w_c times the mean of covariance() over views (half of what VICReg weighs it with).
// local: for each ordered pair of views, every place of the one is paired with the other's place that is nearest, by
// features and by location, and back; the losses of the nearest such pairs, taken place by place as above, are averaged
// over there and back, and summed over features and location. Averaged over the pairs of views.
// The first view of an ordered pair is one of the first two (global) views; at least two views. f32, f64, or bf16,
// which is computed in f32. The gradient flows into all embeddings and maps, not through the choice of pairs.
Tensor vicregl(const std::vector<VicReglView>& views, const VicReglOptions& options = {});

}  // namespace fovea::losses
