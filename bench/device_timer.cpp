#include "device_timer.h"

#include <cuda_runtime.h>

#include <fovea/kernels/base/cuda_check.h>
#include <fovea/kernels/context.h>

namespace fovea::bench {

struct DeviceTimer::Events {
  cudaEvent_t begin = nullptr, end = nullptr;
};

DeviceTimer::DeviceTimer(Device device) : device_(device), events_(new Events) {
  const kernels::Cuda& ctx = kernels::cuda(device.index);
  FOVEA_CUDA_CHECK(cudaEventCreate(&events_->begin));
  FOVEA_CUDA_CHECK(cudaEventCreate(&events_->end));
  int l2 = 0;
  FOVEA_CUDA_CHECK(cudaDeviceGetAttribute(&l2, cudaDevAttrL2CacheSize, ctx.device));
  eviction_ = Tensor::empty({2 * int64_t(l2)}, Dtype::u8, device);
}

DeviceTimer::~DeviceTimer() {
  cudaEventDestroy(events_->begin);
  cudaEventDestroy(events_->end);
  delete events_;
}

double DeviceTimer::seconds(const std::function<void()>& work) {
  const kernels::Cuda& ctx = kernels::cuda(device_.index);
  FOVEA_CUDA_CHECK(cudaEventRecord(events_->begin, ctx.stream));
  work();
  FOVEA_CUDA_CHECK(cudaEventRecord(events_->end, ctx.stream));
  FOVEA_CUDA_CHECK(cudaEventSynchronize(events_->end));
  float milliseconds = 0;
  FOVEA_CUDA_CHECK(cudaEventElapsedTime(&milliseconds, events_->begin, events_->end));
  return 1e-3 * double(milliseconds);
}

void DeviceTimer::flush_l2() {
  FOVEA_CUDA_CHECK(cudaMemsetAsync(eviction_.raw(), 0, eviction_.bytes(), kernels::cuda(device_.index).stream));
}

std::string device_name(Device device) {
  cudaDeviceProp properties;
  FOVEA_CUDA_CHECK(cudaGetDeviceProperties(&properties, device.index));
  return std::string(properties.name) + ", " + std::to_string(properties.multiProcessorCount) + " multiprocessors";
}

}  // namespace fovea::bench
