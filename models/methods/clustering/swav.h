#pragma once

#include <vector>

#include <fovea/models/methods/method.h>
#include <fovea/models/parts/heads.h>
#include <fovea/models/parts/memory.h>
#include <fovea/models/parts/prototypes.h>

namespace fovea::models {

struct SwavOptions {
  int64_t prototypes = 3000;  // K, number of prototypes
  int64_t hidden = 0;         // units of the projector's hidden layer; 0: four times the features, 2048 for a ResNet-18
  int64_t out = 128;          // D, units of its last layer
  float temperature = 0.1f;   // t of the predictions softmax(s / t)
  float epsilon = 0.05f;      // of the codes, Sinkhorn-Knopp of exp(s / epsilon): the smaller, the closer to one-hot
  int64_t frozen_epochs = 1;  // epochs at the start in which the prototypes get no gradient
  int64_t queue = 0;          // recent projections in each of the two queues, one a global crop; 0: no queues
  int64_t queue_start = 15;   // epochs before the queues take part in the codes
};

// SwAV (Caron et al., 2020, arXiv:2006.09882): the code of a global crop, its soft assignment to K prototypes of equal
// mass, is predicted from the other crops of the image.
//
//   z = l2(projector(f(x))),  s = z . prototypes,  q_t = sinkhorn(s_t)
//   loss = mean over the two global crops t and all other crops v of  H(q_t, softmax(s_v / t))
//
// With queues the projections that the two global crops had in earlier batches, a queue for each of them, take part in
// balancing the codes, for batches that are smaller than the number of prototypes:
//
//   q_t = the batch's rows of sinkhorn([s_t; queue_t . prototypes]),  queue_t <- z_t after the loss
//
// The projector is Linear-BN-ReLU-Linear, features -> hidden -> D. Prototypes have rows of length 1 in each step. A
// batch has the two global crops as its first group.
struct Swav : Method {
  explicit Swav(Backbone network, const SwavOptions& options = {}, Generator& generator = default_generator());

  Tensor loss(const data::Batch& batch, Step& step) override;
  nn::Module* kept() override { return &backbone; }
  // The scores of what the queues hold, [2 queue, K], without gradient: losses::swav's `queued`.
  Tensor queued();
  void visit(nn::Visitor& v) override;
  std::string describe() const override { return "Swav"; }

  SwavOptions options;
  Backbone backbone;
  nn::Sequential projector;
  Prototypes prototypes;
  std::vector<Queue> queues;  // two, or none; state "queue0.rows", "queue1.rows"
};

}  // namespace fovea::models
