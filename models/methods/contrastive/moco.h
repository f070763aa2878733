#pragma once

#include <fovea/models/methods/method.h>
#include <fovea/models/parts/encoder.h>
#include <fovea/models/parts/memory.h>
#include <fovea/models/parts/teacher.h>

namespace fovea::models {

struct MocoOptions {
  int64_t hidden = 2048;     // units of the head's hidden layer; 0: a head of one Linear, v1's
  int64_t out = 128;         // D, units of the head's last layer
  bool batch_norm = false;   // after each Linear of the head, as in MoCo v3: keys drift less
  int64_t negatives = 4096;  // K, number of negatives: keys in the queue; 65536 in the papers
  float temperature = 0.2f;  // t of InfoNCE
  float momentum = 0.999f;   // m of the key network: key network = m key network + (1 - m) query network
  bool symmetric = false;    // both views are queries, each with the key of the other
};

// MoCo v1 (He et al., 2019, arXiv:1911.05722) and v2 (Chen et al., 2020, arXiv:2003.04297): a query q, made of one
// view, finds its key k, which a slowly following copy of the network makes of the other view, among the K keys of
// earlier batches.
//
//   loss = mean over queries i of  -log( exp(q_i . k_i / t) / (exp(q_i . k_i / t) + sum_j exp(q_i . queue_j / t)) )
//
//   queue <- k                                         after the loss: the batch's own keys are no negatives
//   key network = m key network + (1 - m) query network      after the step
//
// Rows are divided by their lengths: losses::info_nce. The head is Linear-ReLU-Linear, features -> hidden -> out. A
// batch has two views of each image.
struct Moco : Method {
  explicit Moco(Backbone network, const MocoOptions& options = {}, Generator& generator = default_generator());

  Tensor loss(const data::Batch& batch, Step& step) override;
  nn::Module* kept() override { return &query.backbone; }
  std::vector<Follows> teachers() override;
  void visit(nn::Visitor& v) override { v("query", query), v("key", key), v("queue", queue); }
  std::string describe() const override { return "Moco"; }

  MocoOptions options;
  Encoder query;
  Teacher<Encoder> key;
  Queue queue;  // keys of length 1
};

}  // namespace fovea::models
