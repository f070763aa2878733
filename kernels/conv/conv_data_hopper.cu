// Convolution forward, and the gradient of the input, of bf16 images on Hopper (sm_90a): the product of conv_data.cu by
// wgmma (conv_hopper.cuh). Patches cannot come through the copy engine as tiles of a matrix do, so all threads copy
// them, 16 bytes each at once. Bytes as in conv_data.cu.
#include <fovea/kernels/conv/conv_data.cuh>
#include <fovea/kernels/conv/conv_hopper.cuh>

namespace fovea::kernels::conv {
namespace {

using Block = GatherBlock<bf16, kHopperSide, kHopperSide, true>;

__global__ __launch_bounds__(kProductThreads,
                             2) void hopper_gather_kernel(const __grid_constant__ GatherProduct<bf16> p) {
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
  extern __shared__ char memory[];
  __shared__ Block::Shared shared;
  Block block(p, shared);
  if (!block.empty) hopper_product(block, memory);
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
  const unsigned blocks = gather_blocks<kHopperSide, kHopperSide>(p);
  launch(ctx, hopper_gather_kernel, blocks, kProductThreads, kHopperBytes, p);
  return true;
}

}  // namespace fovea::kernels::conv
