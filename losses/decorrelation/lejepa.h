#pragma once

#include <fovea/core/ops/losses/sigreg.h>

namespace fovea::losses {

// LeJEPA (Balestriero & LeCun, 2025, arXiv:2511.08544): all views of an image agree with the mean of its global views,
// and SIGReg makes every view's embeddings normal, which is all that stands against collapse:
//
//   loss = lambda sigreg(z, directions) + (1 - lambda) mean (z_v - mu)^2,   mu = mean over the global views
//
// z [V, N, D]: V views of N images, the first `globals` of them global; f32, f64, or bf16, which is computed in f32.
// directions: random_directions(D, 1024), new ones for each step. A scalar; the gradient flows into all views, through
// mu too. lambda in [0, 1]: 0.05 in the paper. With one global view and no other the second term is 0.
Tensor lejepa(const Tensor& z, int64_t globals, const Tensor& directions, double lambda = 0.05);

}  // namespace fovea::losses
