#pragma once

#include <fovea/models/methods/method.h>
#include <fovea/models/parts/memory.h>
#include <fovea/models/parts/teacher.h>

namespace fovea::models {

// What DenseCL's network makes of images [N, H, W, C].
struct DenseFeatures {
  Tensor map;     // the backbone's last, [N, h, w, features]
  Tensor global;  // [N, out], not normalised
  Tensor dense;   // [N, h, w, out], not normalised
};

struct DenseEncoderOptions {
  int64_t hidden = 0;       // units of the heads' hidden layers; 0: as many as the features
  int64_t out = 128;        // units of their last layers
  bool batch_norm = false;  // after the heads' layers
};

// A backbone with a head on its pooled features and one on every place of its map, Linear-ReLU-Linear both (a Linear of
// every place is a 1 x 1 convolution), with batch norms if asked.
struct DenseEncoder : nn::Module {
  Backbone backbone;
  nn::Sequential projector, dense_projector;

  DenseEncoder(Backbone network, const DenseEncoderOptions& options, Generator& generator = default_generator());
  DenseFeatures operator()(const Tensor& x) { return heads(backbone.feature_map(x)); }
  // What the heads make of the backbone's map.
  DenseFeatures heads(const Tensor& map);
  void visit(nn::Visitor& v) override;
  std::string describe() const override { return "DenseEncoder"; }
};

struct DenseClOptions {
  int64_t hidden = 0;         // units of the heads' hidden layers; 0: as many as the features
  int64_t out = 128;          // D, units of the heads' last layers
  bool batch_norm = false;    // after each Linear of the heads, as in MoCo v3
  int64_t negatives = 4096;   // K, number of negatives: keys in each of the two queues; 65536 in the paper
  float temperature = 0.2f;   // t of InfoNCE, global and dense
  float momentum = 0.999f;    // m of the key network: key network = m key network + (1 - m) query network
  float dense_weight = 0.5f;  // lambda: loss = (1 - lambda) global InfoNCE + lambda dense InfoNCE
};

// DenseCL (Wang et al., 2021, arXiv:2011.09157): MoCo v2, and beside it the same for every place of the feature map,
// whose positive is the place of the other view that looks most like it.
//
//   loss = (1 - lambda) InfoNCE(q; k; queue) + lambda mean over places a of InfoNCE(q_a; k_match(a); dense queue)
//   match(a) = argmax_b cosine of the backbone's features at place a of the query's view and place b of the key's
//
//   queue <- k,  dense queue <- mean of an image's k_a            after the loss, divided by their lengths
//   key network = m key network + (1 - m) query network           after the step
//
// q, q_a: the global features and those of places that the query network makes of the first view; k, k_a: those that
// the key network, which follows it, makes of the second. InfoNCE is losses::info_nce, the sum losses::dense_info_nce.
// A batch has two views of each image.
struct DenseCl : Method {
  explicit DenseCl(Backbone network, const DenseClOptions& options = {}, Generator& generator = default_generator());

  Tensor loss(const data::Batch& batch, Step& step) override;
  nn::Module* kept() override { return &query.backbone; }
  std::vector<Follows> teachers() override;
  void visit(nn::Visitor& v) override;
  std::string describe() const override { return "DenseCl"; }

  DenseClOptions options;
  DenseEncoder query;
  Teacher<DenseEncoder> key;
  Queue queue, dense_queue;  // rows of length 1
};

}  // namespace fovea::models
