#include "common/step_graph.h"

#include <fovea/config.h>
#include <fovea/core/allocator.h>
#include <fovea/core/cuda_graph.h>

namespace fovea::examples {

namespace {

constexpr int kWarmUp = 2;

// The batch in memory of its own, views being rows of their groups.
data::Batch copy_of(const data::Batch& batch) {
  data::Batch out;
  out.labels = batch.labels.clone(), out.index = batch.index.clone();
  if (batch.places.defined()) out.places = batch.places.clone();
  for (const Tensor& group : batch.groups) {
    out.groups.push_back(group.clone());
    for (int64_t begin = 0; begin < group.size(0); begin += batch.size())
      out.views.push_back(out.groups.back().slice(begin, begin + batch.size()));
  }
  return out;
}

void copy_into(data::Batch& to, const data::Batch& from) {
  for (size_t i = 0; i < to.groups.size(); ++i) to.groups[i].copy_(from.groups[i]);
  if (to.places.defined()) to.places.copy_(from.places);
  to.labels.copy_(from.labels);
  to.index.copy_(from.index);
}

}  // namespace

bool StepGraph::run(const data::Batch& batch) {
  if (turns_ < kWarmUp) return ++turns_, false;
  if constexpr (kHasCuda) {
    if (replay_) {
      copy_into(inputs_, batch);
    } else {
      inputs_ = copy_of(batch);
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

}  // namespace fovea::examples
