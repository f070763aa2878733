#pragma once

#include <functional>
#include <memory>
#include <string>

#include <fovea/models/backbones/backbone.h>

#include "common/run.h"

namespace fovea::examples {

// The views that the options ask for, of images of size x size (multi-crop: local views of half that size).
data::Views make_views(const Options& options, int size);
// --backbone at --width; for small images (up to 64 pixels) with the CIFAR stem.
models::Backbone make_backbone(const Options& options, int image_size);
// --optimizer with --weight-decay for the model's trainable parameters.
std::unique_ptr<nn::Optimizer> make_optimizer(const Options& options, nn::Module& model);

// What every method does alike around its loss: data, views, network, optimiser, training, evaluation, report. Seeds
// the default generator, so build the method's model after it.
class Training {
 public:
  // With the views that --views names, or with others.
  explicit Training(const Options& options) : Training(options, {}) {}
  Training(const Options& options, const std::function<data::Views(int image_size)>& views);

  const data::Dataset& images() const { return *split_.train; }
  int64_t classes() const { return int64_t(images().classes().size()); }
  models::Backbone backbone() const { return make_backbone(options_, images().image_size()); }

  // From now on `teacher` (a part of the model) follows the parameters whose names are `prefix` and its own, after
  // every step of the optimiser and in the same pass.
  void teacher(nn::Module& teacher, const std::string& prefix,
               std::function<double(int64_t step, int64_t steps)> momentum);

  // Trains the model and reports on `kept`, a part of it.
  void fit(nn::Module& model, models::Backbone& kept, const Loss& loss);

 private:
  Options options_;
  data::Split split_;
  data::Loader loader_;
  nn::Module* teacher_ = nullptr;
  std::string prefix_;
  std::function<double(int64_t step, int64_t steps)> momentum_;
};

}  // namespace fovea::examples
