#include <fovea/models/training/step_graph.h>

#include <fovea/config.h>
#include <fovea/core/allocator.h>
#include <fovea/core/cuda_graph.h>

namespace fovea::models {

namespace {

constexpr int kWarmUp = 2;

}  // namespace

bool StepGraph::run(const data::Batch& batch) {
  if (turns_ < kWarmUp) return ++turns_, false;
  if constexpr (kHasCuda) {
    if (replay_) {
      inputs_.copy_(batch);
    } else {
      inputs_ = batch.map([](const Tensor& t) { return t.clone(); });
      allocator(device_).release_cached();  // the graph has memory of its own for what the steps so far kept there
      replay_ = capture_graph(device_, [this] {
        step_(inputs_);
        buffers_.settle();
      });
    }
    replay_();
  }
  return true;
}

}  // namespace fovea::models
