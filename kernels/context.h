#pragma once

#include <cstdint>

// The execution contexts: every kernel takes one as its first argument, and overload resolution on it is the whole
// device dispatch. Nothing here needs a CUDA header, so CPU-only builds see the same declarations.
struct CUstream_st;

namespace fovea::kernels {

// The process's CPU. Kernels use OpenMP's threads (OMP_NUM_THREADS, set_threads).
struct Cpu {};

// One CUDA device: its compute stream.
struct Cuda {
  int device = 0;
  CUstream_st* stream = nullptr;
};

Cpu& cpu();
Cuda& cuda(int device);

// Threads that CPU kernels use: at least 1.
int threads();
void set_threads(int count);

// Work below this many elementary operations is not worth waking a second thread for.
inline constexpr int64_t kParallelGrain = 1 << 15;

}  // namespace fovea::kernels
