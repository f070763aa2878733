#pragma once

#include <cstddef>

#include <fovea/kernels/context.h>

struct CUevent_st;

namespace fovea::kernels {

// In builds with CUDA. A place on the device that the host fills while the device works on something else: the copies
// run on a stream of their own, ordered against the device's work by two events.
class UploadSlot {
 public:
  explicit UploadSlot(Cuda& ctx);
  ~UploadSlot();  // waits for the copies
  UploadSlot(const UploadSlot&) = delete;
  UploadSlot& operator=(const UploadSlot&) = delete;

  // Copies from now on wait for what the device was asked to do until now, and for nothing that it is asked later.
  void release();
  // Starts copying page-locked memory of the host, which must not change until wait() has returned.
  void copy(const void* host, void* device, size_t bytes);
  // What the device is asked to do from now on waits for the copies that were started until now.
  void join();
  // The host waits for the copies that join() ordered last.
  void wait();

 private:
  Cuda& ctx_;
  CUstream_st* stream_ = nullptr;
  CUevent_st *released_ = nullptr, *copied_ = nullptr;
};

}  // namespace fovea::kernels
