#pragma once

#include <vector>

#include <fovea/kernels/copy.h>
#include <fovea/kernels/device_scratch.h>

namespace fovea::testing {

// Arrays copied to the device, each `offset` elements past an aligned address, and back. They live as long as this.
struct DeviceCopies {
  kernels::Cuda ctx = kernels::cuda(0);
  int64_t offset = 0;
  kernels::DeviceScratch scratch{ctx};

  template <class T>
  T* copy(const std::vector<T>& v) {
    if (v.empty()) return nullptr;
    T* p = scratch.take<T>(v.size() + size_t(offset)) + offset;
    upload(ctx, v.data(), p, v.size() * sizeof(T));
    return p;
  }
  template <class T>
  void read(const T* p, std::vector<T>& v) {
    if (!v.empty()) download(ctx, p, v.data(), v.size() * sizeof(T));
  }
};

}  // namespace fovea::testing
