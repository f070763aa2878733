#include <fovea/kernels/cuda_graph.h>

#include <fovea/kernels/base/cuda_check.h>

namespace fovea::kernels {

Graph::~Graph() {
  if (!executable_) return;
  cudaStreamSynchronize(ctx_.stream);
  cudaGraphExecDestroy(executable_);
}

void Graph::capture(const std::function<void()>& work) {
  // Relaxed: allocators may ask CUDA for memory meanwhile.
  FOVEA_CUDA_CHECK(cudaStreamBeginCapture(ctx_.stream, cudaStreamCaptureModeRelaxed));
  ctx_.capturing = true;
  auto end = [&] {
    cudaGraph_t graph = nullptr;
    ctx_.capturing = false;
    cudaError_t status = cudaStreamEndCapture(ctx_.stream, &graph);
    return std::pair(graph, status);
  };
  try {
    work();
  } catch (...) {
    if (cudaGraph_t graph = end().first) cudaGraphDestroy(graph);
    cudaGetLastError();
    throw;
  }
  auto [graph, status] = end();
  FOVEA_CUDA_CHECK(status);
  status = cudaGraphInstantiate(&executable_, graph, 0);
  cudaGraphDestroy(graph);
  FOVEA_CUDA_CHECK(status);
}

void Graph::launch() {
  FOVEA_CUDA_CHECK(cudaGraphLaunch(executable_, ctx_.stream));
}

}  // namespace fovea::kernels
