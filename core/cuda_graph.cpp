#include <fovea/core/cuda_graph.h>

#include <memory>

#include <fovea/core/allocator.h>
#include <fovea/core/check.h>
#include <fovea/kernels/context.h>
#include <fovea/kernels/graph.h>

namespace fovea {

namespace {

struct Recorded {
  explicit Recorded(Device device)
      : memory(allocator(device)), pool(memory.begin_reserved()), graph(kernels::cuda(device.index)) {}
  ~Recorded() { memory.release_reserved(pool); }

  Allocator& memory;
  int pool;
  kernels::Graph graph;
};

}  // namespace

std::function<void()> capture_graph(Device device, const std::function<void()>& step) {
  check(device.is_cuda(), "capture_graph: want a CUDA device, got {}", device);
  auto recorded = std::make_shared<Recorded>(device);
  struct Reserved {
    Allocator& memory;
    ~Reserved() { memory.end_reserved(); }
  } reserved{recorded->memory};
  recorded->graph.capture(step);
  return [recorded] { recorded->graph.launch(); };
}

}  // namespace fovea
