#pragma once

// Private to kernels/conv_*.cu: how a block of threads walks over its implicit matrix product while the operands of the
// next steps are on their way.
//
// The operands of a product (GatherBlock, WeightBlock) are a class `Block`:
//   kM, kN           rows and columns of the result
//   kDepth           of the reduction at a step, in elements
//   kColumns         whether the reduction runs across the rows of both tiles (WarpTile::add_columns) or along them
//   kTileA, kTileB   tiles in shared memory, in chunks of 16 bytes
//   steps            of this block's reduction
//   find(step)       works out where a step's operands are, a step ahead of load()
//   load(step, a, b) starts the copies of both tiles
//   write<kM, kN, kPitch>(staged, row, column)  takes a warp's part of the result from shared memory
#include <fovea/kernels/conv/conv_tile.cuh>

namespace fovea::kernels::conv {

inline constexpr int kProductThreads = 256, kStages = 3;

template <class Block>
inline constexpr int kStageChunks = Block::kTileA + Block::kTileB;

template <class Block>
__device__ void load_step(Block& block, uint4* stages, int step) {
  uint4* a = stages + step % kStages * kStageChunks<Block>;
  if (step < block.steps) block.load(step, a, a + Block::kTileA);
  copy_async_commit();
  block.find(step + 1);
}
template <class Block>
__device__ void load_first_steps(Block& block, uint4* stages) {
#pragma unroll
  for (int step = 0; step < kStages - 1; ++step) {
    if (step > 0) block_barrier();
    load_step(block, stages, step);
  }
}

// A product by warps that each have a WarpTile, kWarpsM of them above one another.
template <Math kMath, class Block, int kWarpsM>
struct WarpProduct {
  static constexpr int kWarps = kProductThreads / kWarp, kM = Block::kM / kWarpsM, kN = Block::kN * kWarpsM / kWarps;
  using Tile = WarpTile<kMath, kM, kN>;
  static constexpr size_t kStaged = size_t(kWarps) * kM * Tile::kStagePitch * sizeof(float);
  static constexpr size_t kBytes = std::max(size_t(kStages) * kStageChunks<Block> * 16, kStaged);

  static __device__ void run(Block& block, uint4* stages) {
    Tile warp;
    const int warp_m = int(threadIdx.x) / kWarp % kWarpsM * kM, warp_n = int(threadIdx.x) / kWarp / kWarpsM * kN;
    load_first_steps(block, stages);
    for (int step = 0; step < block.steps; ++step) {
      copy_async_wait<kStages - 2>();
      block_barrier();
      load_step(block, stages, step + kStages - 1);
      const uint4 *a = stages + step % kStages * kStageChunks<Block>, *b = a + Block::kTileA;
      if constexpr (Block::kColumns)
        warp.template add_columns<Block::kDepth>(a, b, warp_m, warp_n);
      else
        warp.template add_rows<Block::kDepth / Tile::kVec>(a, b, warp_m, warp_n);
    }
    copy_async_wait<0>();
    block_barrier();
    float* staged = reinterpret_cast<float*>(stages) + int(threadIdx.x) / kWarp * kM * Tile::kStagePitch;
    warp.template stage<Block::kColumns>(staged);
    block.template write<kM, kN, Tile::kStagePitch>(staged, warp_m, warp_n);
  }
};

}  // namespace fovea::kernels::conv
