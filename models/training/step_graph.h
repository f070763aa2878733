#pragma once

#include <functional>

#include <fovea/data/batch.h>
#include <fovea/nn/train/in_place.h>

namespace fovea::models {

// A training step that is recorded as a CUDA graph once it has run a few times, and replayed from then on: the same
// kernels on the same memory, started by one call. core/cuda_graph.h says what such a step may do.
class StepGraph {
 public:
  // `step` trains the model on a batch; it is called while it is recorded, and its kernels read a copy of the batch.
  StepGraph(Device device, nn::Module& model, std::function<void(const data::Batch&)> step)
      : device_(device), buffers_(model), step_(std::move(step)) {}

  // Trains on the batch, or does nothing and returns false the first few times: then the caller runs the step.
  bool run(const data::Batch& batch);
  // To be called after each step that the caller runs: the recorded one finds the buffers where they were.
  void settle() { buffers_.settle(); }

 private:
  Device device_;
  nn::BuffersInPlace buffers_;
  std::function<void(const data::Batch&)> step_;
  int turns_ = 0;
  data::Batch inputs_;  // what the recorded kernels read
  std::function<void()> replay_;
};

}  // namespace fovea::models
