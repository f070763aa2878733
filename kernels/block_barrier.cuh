#pragma once

namespace fovea::kernels {

// __syncthreads() of whole warps: lanes that come out of a branch or a loop before the others wait for these first.
__device__ inline void block_barrier() {
  __syncwarp();
  __syncthreads();
}

}  // namespace fovea::kernels
