#pragma once

#include <functional>

#include <fovea/kernels/context.h>

struct CUgraphExec_st;

namespace fovea::kernels {

// In builds with CUDA. Work on a device, recorded once, that a single call starts again.
class Graph {
 public:
  explicit Graph(Cuda& ctx) : ctx_(ctx) {}
  ~Graph();
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  // Runs `work` once with every launch and copy recorded instead of done. Waiting for the device in it throws.
  void capture(const std::function<void()>& work);
  // Asks the device to do the recorded work, with the same memory and arguments.
  void launch();

 private:
  Cuda& ctx_;
  CUgraphExec_st* executable_ = nullptr;
};

}  // namespace fovea::kernels
