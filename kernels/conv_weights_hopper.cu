// The gradient of a convolution's weight from bf16 images on Hopper (sm_90a): the product of conv_weights.cu by wgmma,
// which takes both operands as they lie, a row for each point. A warpgroup multiplies 64 of the block's 128 channels of
// dy by its 128 columns of patches, 64 points at a time, while all threads start the copies of the step after the next.
// Two blocks share a multiprocessor.
//
// Three buffers of 32 KiB; 64 sums a thread. Bytes as in conv_weights.cu.
#include <fovea/kernels/conv_weights.cuh>
#include <fovea/kernels/hopper.cuh>

namespace fovea::kernels::conv {
namespace {

constexpr int kStages = 3;
using Block = WeightBlock<bf16, kHopperSide, kHopperSide, kHopperPoints, true>;
constexpr int kStageChunks = Block::kTileA + Block::kTileB;
constexpr size_t kBytes = 1024 + size_t(kStages) * kStageChunks * 16;

__global__ __launch_bounds__(kWeightThreads,
                             2) void hopper_weights_kernel(const __grid_constant__ WeightProduct<bf16> p) {
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
  extern __shared__ char memory[];
  __shared__ Block::Shared shared;
  uint4* stages = reinterpret_cast<uint4*>(memory + (1024 - shared_address(memory) % 1024) % 1024);
  Block block(p, shared);

  const int group = int(threadIdx.x) / 128, warp = int(threadIdx.x) / kWarp % 4;
  float sum[64] = {};
  auto load = [&](int step) {
    uint4* a = stages + step % kStages * kStageChunks;
    if (step < block.steps) block.load(step, a, a + Block::kTileA);
    copy_async_commit();
    block.find(step + 1);
  };
#pragma unroll
  for (int step = 0; step < kStages - 1; ++step) {
    if (step > 0) block_barrier();
    load(step);
  }
  for (int step = 0; step < block.steps; ++step) {
    copy_async_wait<kStages - 2>();
    hopper::wgmma_wait<0>();  // the buffer of the step before may be filled again
    hopper::copies_fence();
    block_barrier();
    const uint4* a = stages + step % kStages * kStageChunks;
    const uint64_t first = hopper::tile_descriptor(a + group * (Block::kTileA / 2));
    const uint64_t second = hopper::tile_descriptor(a + Block::kTileA);
    hopper::keep(sum);
    hopper::wgmma_fence();
#pragma unroll
    for (int k = 0; k < kHopperPoints / 16; ++k)
      hopper::wgmma_64x128<true, true>(sum, first + k * hopper::kStep16<false>, second + k * hopper::kStep16<false>, 1);
    hopper::wgmma_commit();
    load(step + kStages - 1);
  }
  hopper::wgmma_wait<0>();
  hopper::keep(sum);
  copy_async_wait<0>();
  block_barrier();

  constexpr int kPitch = kHopperSide + 8;  // of a staged row, in floats
  float* staged = reinterpret_cast<float*>(stages) + int(threadIdx.x) / kWarp * 16 * kPitch;
  stage_wgmma<kPitch>(staged, sum);
  block.write<16, kHopperSide, kPitch>(staged, 64 * group + 16 * warp, 0);
#endif
}

// Whether the kernel has a body: its points are static shared memory.
bool compiled_for_hopper() {
  static const bool compiled = hopper::has_body(hopper_weights_kernel);
  return compiled;
}

}  // namespace

bool hopper_takes_weights(const Cuda& ctx) {
  return ctx.capability == 90 && compiled_for_hopper();
}
void weights_on_hopper(Cuda& ctx, const WeightProduct<bf16>& p, unsigned blocks) {
  launch(ctx, hopper_weights_kernel, blocks, kWeightThreads, kBytes, p);
}

}  // namespace fovea::kernels::conv
