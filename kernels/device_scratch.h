#pragma once

#include <cstddef>
#include <vector>

#include <fovea/kernels/context.h>

namespace fovea::kernels {

// Short-lived memory of a kernel on a CUDA device, as scratch.h has it on the CPU: taken from an arena of the device,
// given back when the DeviceScratch goes. The kernels that use it may still be waiting in the stream then: whoever
// takes the memory next is behind them. Scratches nest. The arena only grows and never moves, so captured graphs keep
// theirs. FOVEA_CUDA_NO_CACHE=1 in the environment makes each block outside of graphs its own, for memory checkers.
class DeviceScratch {
 public:
  explicit DeviceScratch(Cuda& ctx);
  ~DeviceScratch();
  DeviceScratch(const DeviceScratch&) = delete;
  DeviceScratch& operator=(const DeviceScratch&) = delete;

  // `bytes` uninitialised bytes of device memory, aligned to 256. Throws std::runtime_error when the device has none.
  void* bytes(size_t bytes);
  template <class T>
  T* take(size_t count) {
    return static_cast<T*>(bytes(count * sizeof(T)));
  }

 private:
  Cuda& ctx_;
  size_t chunk_, used_;        // where the arena stood
  std::vector<void*> single_;  // the allocations of FOVEA_CUDA_NO_CACHE
};

// Bytes that the device's arena holds.
size_t device_scratch_held(Cuda&);

// FOVEA_CUDA_NO_CACHE is set: every allocation on a device goes to CUDA and back.
bool cuda_no_cache();

}  // namespace fovea::kernels
