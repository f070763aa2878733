#pragma once

#include <cstddef>
#include <cstdint>

// The execution contexts: every kernel takes one as its first argument, and overload resolution on it is the whole
// device dispatch. Nothing here needs a CUDA header, so CPU-only builds see the same declarations.
struct CUstream_st;

namespace fovea::kernels {

struct IndexFault;

// The process's CPU. Kernels use OpenMP's threads (OMP_NUM_THREADS, set_threads).
struct Cpu {};

// One CUDA device and its compute stream: everything on a device happens in the order it was asked for. The figures are
// the device's own. Kernels of one device are launched by one thread at a time.
struct Cuda {
  int device = 0;
  CUstream_st* stream = nullptr;
  int capability = 0;  // 90 for compute capability 9.0
  int multiprocessors = 0;
  size_t shared_per_block = 0;        // bytes that a block may ask for
  bool capturing = false;             // a graph is being recorded (graph.h): the host must not wait for the device
  IndexFault* index_fault = nullptr;  // index_check.h
};

Cpu& cpu();
// In builds with CUDA. Makes the device the calling thread's current one. Throws std::runtime_error naming what CUDA
// said when there is no such device.
Cuda& cuda(int device);
// In builds with CUDA: how many devices can be used; 0 on a machine without a driver.
int cuda_devices();
// In builds with CUDA: waits until everything asked of the device is done, and throws what went wrong in it, indices
// out of range among it (index_check.h).
void synchronize(Cuda&);

// Threads that CPU kernels use: at least 1.
int threads();
void set_threads(int count);

// Work below this many elementary operations is not worth waking a second thread for.
inline constexpr int64_t kParallelGrain = 1 << 15;

}  // namespace fovea::kernels
