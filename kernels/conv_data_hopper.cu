// Convolution forward, and the gradient of the input, of bf16 images on Hopper (sm_90a): the product of conv_data.cu by
// wgmma. Patches cannot come through the copy engine as tiles of a matrix do, so all threads copy them, 16 bytes each
// at once; they land in the 128-byte swizzle, from which a warpgroup multiplies 64 of the block's 128 points by its 128
// columns. While the tensor cores work on one tile of the reduction the same threads start the copies of the tile after
// the next. Two blocks share a multiprocessor, so that one multiplies where the other waits.
//
// Three buffers of 32 KiB; 64 sums a thread. Bytes as in conv_data.cu.
#include <fovea/kernels/conv_data.cuh>
#include <fovea/kernels/hopper.cuh>

namespace fovea::kernels::conv {
namespace {

constexpr int kSide = 128, kStages = 3;
constexpr int kTileChunks = kSide * kGatherChunks, kStageChunks = 2 * kTileChunks;
constexpr size_t kBytes = 1024 + size_t(kStages) * kStageChunks * 16;
using Block = GatherBlock<bf16, kSide, kSide, true>;

__global__ __launch_bounds__(kGatherThreads,
                             2) void hopper_gather_kernel(const __grid_constant__ GatherProduct<bf16> p) {
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
  extern __shared__ char memory[];
  __shared__ Block::Shared shared;
  uint4* stages = reinterpret_cast<uint4*>(memory + (1024 - shared_address(memory) % 1024) % 1024);
  Block block(p, shared);
  if (block.empty) return;

  const int group = int(threadIdx.x) / 128, warp = int(threadIdx.x) / kWarp % 4;
  float sum[64] = {};
  auto load = [&](int tile) {
    uint4* a = stages + tile % kStages * kStageChunks;
    if (tile < block.tiles) block.load(a, a + kTileChunks);
    copy_async_commit();
  };
#pragma unroll
  for (int tile = 0; tile < kStages - 1; ++tile) load(tile);
  for (int tile = 0; tile < block.tiles; ++tile) {
    copy_async_wait<kStages - 2>();
    hopper::wgmma_wait<0>();  // the buffer of the tile before may be filled again
    hopper::copies_fence();
    block_barrier();
    const uint4* a = stages + tile % kStages * kStageChunks;
    const uint64_t first = hopper::tile_descriptor(a + group * (kTileChunks / 2));
    const uint64_t second = hopper::tile_descriptor(a + kTileChunks);
    hopper::keep(sum);
    hopper::wgmma_fence();
#pragma unroll
    for (int step = 0; step < Block::kStep / 16; ++step)
      hopper::wgmma_64x128<false, false>(sum, first + step * hopper::kStep16<true>,
                                         second + step * hopper::kStep16<true>, 1);
    hopper::wgmma_commit();
    load(tile + kStages - 1);
  }
  hopper::wgmma_wait<0>();
  hopper::keep(sum);
  copy_async_wait<0>();
  block_barrier();

  constexpr int kPitch = kSide + 8;  // of a staged row, in floats
  float* staged = reinterpret_cast<float*>(stages) + int(threadIdx.x) / kWarp * 16 * kPitch;
  stage_wgmma<kPitch>(staged, sum);
  block.write<16, kSide, kPitch>(staged, 64 * group + 16 * warp, 0);
#endif
}

// Whether the kernel has a body: its points are static shared memory.
bool compiled_for_hopper() {
  static const bool compiled = hopper::has_body(hopper_gather_kernel);
  return compiled;
}

}  // namespace

bool gather_on_hopper(Cuda& ctx, GatherProduct<bf16> p) {
  if (ctx.capability != 90 || !compiled_for_hopper()) return false;
  const unsigned blocks = gather_blocks<kSide, kSide>(p);
  launch(ctx, hopper_gather_kernel, blocks, kGatherThreads, kBytes, p);
  return true;
}

}  // namespace fovea::kernels::conv
