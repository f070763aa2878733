#pragma once

#include <fovea/models/backbones/backbone.h>
#include <fovea/models/backbones/resnet.h>
#include <fovea/models/parts/heads.h>
#include <fovea/models/parts/memory.h>
#include <fovea/models/parts/teacher.h>

namespace fovea::models {

// What DenseCL's network makes of images [N, H, W, C].
struct DenseFeatures {
  Tensor map;     // the backbone's last, [N, h, w, features]
  Tensor global;  // [N, out], not normalised
  Tensor dense;   // [N, h, w, out], not normalised
};

// A backbone with a head on its pooled features and one on every place of its map, Linear-ReLU-Linear both (a Linear of
// every place is a 1 x 1 convolution), with batch norms if asked.
struct DenseEncoder : nn::Module {
  Backbone backbone;
  nn::Sequential projector, dense_projector;

  DenseEncoder(Backbone network, int64_t hidden, int64_t out, bool batch_norm, Generator& generator);
  DenseFeatures operator()(const Tensor& x) { return heads(backbone.feature_map(x)); }
  // What the heads make of the backbone's map.
  DenseFeatures heads(const Tensor& map);
  void visit(nn::Visitor& v) override;
  std::string describe() const override { return "DenseEncoder"; }
};

// DenseCL (Wang et al., 2021, arXiv:2011.09157): MoCo v2, and beside it the same for every place of the feature map,
// whose positive is the place of the other view that looks most like it. Train on (1 - w) losses::info_nce of the
// global features and w losses::dense_info_nce of the dense ones, then remember(keys).
struct DenseCl : nn::Module {
  DenseEncoder query;
  Teacher<DenseEncoder> key;  // follows "query."
  Queue queue, dense_queue;   // of global keys; of the means of images' dense keys

  struct Options {
    int64_t hidden = 0, out = 128;  // of both heads; hidden 0: as many as the features
    int64_t negatives = 4096;       // rows of each queue; 65536 in the paper
    bool batch_norm = false;        // after the heads' layers, as Moco::Options has it
  };
  DenseCl(Backbone network, const Options& options, Generator& generator = default_generator());
  DenseFeatures keys(const Tensor& x) {
    NoGrad no_grad;
    return key.net(x);
  }
  // Pushes what keys() gave on both queues, divided by its lengths.
  void remember(const DenseFeatures& keys);
  void visit(nn::Visitor& v) override;
  std::string describe() const override { return "DenseCl"; }
};

}  // namespace fovea::models
