#include <cuda_runtime.h>

#include <memory>
#include <mutex>
#include <vector>

#include <fovea/kernels/base/cuda_check.h>
#include <fovea/kernels/context.h>
#include <fovea/kernels/index_check.h>

namespace fovea::kernels {

int cuda_devices() {
  static const int count = [] {
    int n = 0;
    if (cudaGetDeviceCount(&n) == cudaSuccess) return n;
    cudaGetLastError();  // forgets the error
    return 0;
  }();
  return count;
}

static std::unique_ptr<Cuda> open(int device) {
  auto context = std::make_unique<Cuda>();
  auto attribute = [&](cudaDeviceAttr what) {
    int value = 0;
    FOVEA_CUDA_CHECK(cudaDeviceGetAttribute(&value, what, device));
    return value;
  };
  context->device = device;
  context->capability =
      attribute(cudaDevAttrComputeCapabilityMajor) * 10 + attribute(cudaDevAttrComputeCapabilityMinor);
  context->multiprocessors = attribute(cudaDevAttrMultiProcessorCount);
  context->shared_per_block = size_t(attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin));
  FOVEA_CUDA_CHECK(cudaStreamCreateWithFlags(&context->stream, cudaStreamNonBlocking));
  return context;
}

Cuda& cuda(int device) {
  static std::mutex mutex;
  static auto* contexts = new std::vector<std::unique_ptr<Cuda>>;  // outlives every static tensor
  thread_local int current = -1;
  if (current != device) {
    FOVEA_CUDA_CHECK(cudaSetDevice(device));
    current = device;
  }
  std::lock_guard lock(mutex);
  if (contexts->size() <= size_t(device)) contexts->resize(size_t(device) + 1);
  std::unique_ptr<Cuda>& context = (*contexts)[size_t(device)];
  if (!context) context = open(device);
  return *context;
}

void synchronize(Cuda& ctx) {
  if (ctx.capturing)
    throw std::runtime_error(
        "cuda: what is recorded as a graph must not wait for the device (item(), printing, copies to the CPU)");
  FOVEA_CUDA_CHECK(cudaStreamSynchronize(ctx.stream));
  throw_index_fault(ctx);
}

}  // namespace fovea::kernels
