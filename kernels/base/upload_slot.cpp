#include <fovea/kernels/upload_slot.h>

#include <fovea/kernels/base/cuda_check.h>

namespace fovea::kernels {

UploadSlot::UploadSlot(Cuda& ctx) : ctx_(ctx) {
  FOVEA_CUDA_CHECK(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking));
  FOVEA_CUDA_CHECK(cudaEventCreateWithFlags(&released_, cudaEventDisableTiming));
  FOVEA_CUDA_CHECK(cudaEventCreateWithFlags(&copied_, cudaEventDisableTiming));
}

UploadSlot::~UploadSlot() {
  cudaStreamSynchronize(stream_);
  cudaEventDestroy(copied_);
  cudaEventDestroy(released_);
  cudaStreamDestroy(stream_);
}

void UploadSlot::release() {
  FOVEA_CUDA_CHECK(cudaEventRecord(released_, ctx_.stream));
  FOVEA_CUDA_CHECK(cudaStreamWaitEvent(stream_, released_, 0));
}

void UploadSlot::copy(const void* host, void* device, size_t bytes) {
  if (bytes) FOVEA_CUDA_CHECK(cudaMemcpyAsync(device, host, bytes, cudaMemcpyHostToDevice, stream_));
}

void UploadSlot::join() {
  FOVEA_CUDA_CHECK(cudaEventRecord(copied_, stream_));
  FOVEA_CUDA_CHECK(cudaStreamWaitEvent(ctx_.stream, copied_, 0));
}

void UploadSlot::wait() {
  FOVEA_CUDA_CHECK(cudaEventSynchronize(copied_));
}

}  // namespace fovea::kernels
