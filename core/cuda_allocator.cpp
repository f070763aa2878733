#include <cuda_runtime.h>

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <fovea/core/caching_allocator.h>
#include <fovea/kernels/device_scratch.h>

// No events: a device has one compute stream, so whoever gets a freed block is behind its last user.
namespace fovea {

namespace {

struct DeviceMemory {
  int device;

  void* take(size_t bytes) const {
    kernels::cuda(device);
    void* p = nullptr;
    if (cudaMalloc(&p, bytes) == cudaSuccess) return p;
    cudaGetLastError();  // forgets the error
    return nullptr;
  }
  void give_back(void* p, size_t) const { cudaFree(p); }
  std::string name() const { return "cuda:" + std::to_string(device); }
};

// Host memory that the device copies from and to without the host's help.
struct PinnedMemory {
  static void* take(size_t bytes) {
    void* p = nullptr;
    if (cudaMallocHost(&p, bytes) == cudaSuccess) return p;
    cudaGetLastError();
    return nullptr;
  }
  static void give_back(void* p, size_t) { cudaFreeHost(p); }
  static std::string name() { return "pinned memory"; }
};

}  // namespace

Allocator& cuda_allocator(int device) {
  static std::mutex mutex;
  static auto* allocators = new std::vector<std::unique_ptr<Allocator>>;  // outlives every tensor, static ones too
  std::lock_guard lock(mutex);
  if (allocators->size() <= size_t(device)) allocators->resize(size_t(device) + 1);
  std::unique_ptr<Allocator>& found = (*allocators)[size_t(device)];
  if (!found) found = std::make_unique<CachingAllocator<DeviceMemory>>(DeviceMemory{device}, !kernels::cuda_no_cache());
  return *found;
}

Allocator& pinned_allocator() {
  static auto* pinned = new CachingAllocator<PinnedMemory>;
  return *pinned;
}

}  // namespace fovea
