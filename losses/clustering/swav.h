#pragma once

#include <fovea/core/ops.h>

namespace fovea::losses {

struct SwavOptions {
  double temperature = 0.1;  // of the predictions softmax(s / temperature)
  double epsilon = 0.05;     // of the codes, Sinkhorn-Knopp of exp(s / epsilon): the smaller, the closer to one-hot
  int iterations = 3;        // of Sinkhorn-Knopp
  int64_t codes = 2;         // number of views that give codes, the first ones: the global crops
};

// SwAV (Caron et al., 2020, arXiv:2006.09882): the code of one view, its soft assignment to prototypes of equal mass,
// is predicted from the other views.
//
//   loss = mean over global views t and all other views v of  mean_n H(q_tn, softmax(s_vn / temperature))
//
// scores [V N, K]: cosines of every view's projections and the prototypes, all images of the first view, then all of
// the second, ... Codes q = sinkhorn(scores of the view) for each global view on its own, in f32 and without gradient.
// queued [codes Q, K], or undefined: scores of earlier batches' projections, one queue a global view; they take part in
// the balancing alone, so that batches smaller than the number of prototypes have balanced codes. A scalar; equal
// scores everywhere give log K, which is what a collapsed network and unlearnt prototypes score.
Tensor swav(const Tensor& scores, int64_t views, const Tensor& queued = {}, const SwavOptions& options = {});

}  // namespace fovea::losses
