#pragma once

// Private to the library: it brings CUDA's header with it.
#include <cuda_runtime.h>

#include <stdexcept>
#include <string>

namespace fovea::kernels {

inline void cuda_check(cudaError_t status, const char* call, const char* file, int line) {
  if (status == cudaSuccess) return;
  cudaGetLastError();  // forgets the error, or the next launch would report it again
  throw std::runtime_error(std::string("cuda: ") + cudaGetErrorString(status) + " (" + call + ", " + file + ":" +
                           std::to_string(line) + ")");
}

}  // namespace fovea::kernels

// Throws std::runtime_error with CUDA's words unless `call` returns cudaSuccess.
#define FOVEA_CUDA_CHECK(call) ::fovea::kernels::cuda_check((call), #call, __FILE__, __LINE__)
