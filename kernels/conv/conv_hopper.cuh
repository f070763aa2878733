#pragma once

// Private to kernels/conv_*_hopper.cu: the product of a block of bf16 operands (conv_pipeline.cuh) by wgmma. Both tiles
// lie in the 128-byte swizzle, from which a warpgroup multiplies 64 of the block's 128 rows by its 128 columns. While
// the tensor cores work on one step all threads start the copies of the step after the next. Two blocks share a
// multiprocessor, so that one multiplies where the other waits.
//
// Three buffers of 32 KiB; 64 sums a thread.
#include <fovea/kernels/base/hopper.cuh>
#include <fovea/kernels/conv/conv_pipeline.cuh>

namespace fovea::kernels::conv {

inline constexpr int kHopperSide = 128, kHopperDepth = 64;
inline constexpr size_t kHopperBytes = 1024 + size_t(kStages) * 2 * kHopperSide * kHopperDepth * sizeof(bf16);

#ifdef __CUDA_ARCH_FEAT_SM90_ALL
// `memory`: kHopperBytes of shared memory.
template <class Block>
__device__ void hopper_product(Block& block, char* memory) {
  static_assert(Block::kM == kHopperSide && Block::kN == kHopperSide && Block::kDepth == kHopperDepth);
  constexpr bool kColumns = Block::kColumns;
  uint4* stages = reinterpret_cast<uint4*>(memory + (1024 - shared_address(memory) % 1024) % 1024);
  const int group = int(threadIdx.x) / 128, warp = int(threadIdx.x) / kWarp % 4;
  float sum[64] = {};
  load_first_steps(block, stages);
  for (int step = 0; step < block.steps; ++step) {
    copy_async_wait<kStages - 2>();
    hopper::wgmma_wait<0>();  // the buffer of the step before may be filled again
    hopper::copies_fence();
    block_barrier();
    const uint4* a = stages + step % kStages * kStageChunks<Block>;
    const uint64_t first = hopper::tile_descriptor(a + group * (Block::kTileA / 2));
    const uint64_t second = hopper::tile_descriptor(a + Block::kTileA);
    hopper::keep(sum);
    hopper::wgmma_fence();
#pragma unroll
    for (int k = 0; k < kHopperDepth / 16; ++k)
      hopper::wgmma_64x128<kColumns, kColumns>(sum, first + k * hopper::kStep16<!kColumns>,
                                               second + k * hopper::kStep16<!kColumns>, 1);
    hopper::wgmma_commit();
    load_step(block, stages, step + kStages - 1);
  }
  hopper::wgmma_wait<0>();
  hopper::keep(sum);
  copy_async_wait<0>();
  block_barrier();

  constexpr int kPitch = kHopperSide + 8;  // of a staged row, in floats
  float* staged = reinterpret_cast<float*>(stages) + int(threadIdx.x) / kWarp * 16 * kPitch;
  stage_wgmma<kPitch>(staged, sum);
  block.template write<16, kHopperSide, kPitch>(staged, 64 * group + 16 * warp, 0);
}
#endif

}  // namespace fovea::kernels::conv
