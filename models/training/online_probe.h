#pragma once

#include <optional>

#include <fovea/nn/layers/linear.h>
#include <fovea/nn/layers/norm.h>
#include <fovea/nn/train/optim.h>

namespace fovea::models {

struct OnlineProbeOptions {
  int64_t features = 0, classes = 0;
};

// A linear classifier that learns beside the method, on its features but without a gradient into them: how good they
// are, while they are made. Batch norm without weights, then Linear; plain SGD.
class OnlineProbe : public nn::Module {
 public:
  explicit OnlineProbe(const OnlineProbeOptions& options);
  // Learns from features [V N, D] of V views of N images with labels [N], and counts how many it had right before.
  void learn(const Tensor& features, const Tensor& labels);
  // The share it had right since the last call or since the program's start (what is counted is no part of a
  // checkpoint); nothing if it learned nothing since. Waits for the device.
  std::optional<double> accuracy();
  // The classes [N] of features [N, D], by the running statistics.
  Tensor predict(const Tensor& features);
  void visit(nn::Visitor& v) override { v("norm", norm_), v("fc", fc_); }
  std::string describe() const override { return "OnlineProbe"; }

 private:
  nn::BatchNorm1d norm_;
  nn::Linear fc_;
  nn::Sgd optimizer_;
  Tensor right_;  // f32, rank 0: of the `seen_` answers since the last accuracy()
  int64_t seen_ = 0;
};

}  // namespace fovea::models
