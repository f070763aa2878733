#pragma once

#include <vector>

#include <fovea/nn/module.h>

namespace fovea::nn {

// Methods replace a Buffer with a new tensor instead of writing into it, as the backward pass may still read the old
// one (a queue that the loss compared with). The kernels of a recorded step (core/cuda_graph.h) find it only where it
// was. So at the end of every step, recorded or not, settle() copies what is new into the old memory, on the device,
// and the Buffer is that memory again.
class BuffersInPlace {
 public:
  // The memory of module's buffers as it is now; module must live as long, and keep them on their device.
  explicit BuffersInPlace(Module& module);
  void settle();

 private:
  Module& module_;
  std::vector<Tensor> memory_;
};

}  // namespace fovea::nn
