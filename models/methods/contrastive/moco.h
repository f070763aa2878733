#pragma once

#include <fovea/models/backbones/resnet.h>
#include <fovea/models/parts/encoder.h>
#include <fovea/models/parts/heads.h>
#include <fovea/models/parts/memory.h>
#include <fovea/models/parts/teacher.h>

namespace fovea::models {

// MoCo v1 (He et al., 2019, arXiv:1911.05722) and v2 (Chen et al., 2020, arXiv:2003.04297): a query finds its key, made
// of the image's other view by a slow copy of the network, among the keys of earlier batches. Train on
// losses::info_nce(model.query(x0), model.key(x1), model.queue.rows(), temperature), then model.queue.push(keys).
struct Moco : nn::Module {
  Encoder query;
  Teacher<Encoder> key;  // follows "query."
  Queue queue;

  // Maps to `out` numbers through one hidden layer without norm (v2, lightly's table), or with hidden 0 by one Linear
  // (v1).
  struct Options {
    int64_t hidden = 2048, out = 128;
    int64_t negatives = 4096;  // rows of the queue; 65536 in the papers
    bool batch_norm = false;   // after the head's layers, as in MoCo v3: keys drift less from those in the queue
  };
  Moco(Backbone network, const Options& options, Generator& generator = default_generator());
  void visit(nn::Visitor& v) override { v("query", query), v("key", key), v("queue", queue); }
  std::string describe() const override { return "Moco"; }
};

// MoCo v3 in its form for ResNets (Chen et al., 2021, arXiv:2104.02057): no queue; the keys of the batch are the
// negatives, and a predictor stands on the trained side. Train on 2 t
// losses::info_nce(model.predictor(model.query(x0)), model.key(x1), t) in both directions.
struct MocoV3 : nn::Module {
  Encoder query;
  nn::Sequential predictor;
  Teacher<Encoder> key;  // follows "query."

  explicit MocoV3(Backbone network, int64_t hidden = 4096, int64_t out = 256,
                  Generator& generator = default_generator());
  void visit(nn::Visitor& v) override { v("query", query), v("predictor", predictor), v("key", key); }
  std::string describe() const override { return "MocoV3"; }
};

}  // namespace fovea::models
