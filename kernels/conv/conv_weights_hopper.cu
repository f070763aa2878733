// The gradient of a convolution's weight from bf16 images on Hopper (sm_90a): the product of conv_weights.cu by wgmma
// (conv_hopper.cuh), which takes both operands as they lie, a row for each point. Bytes as in conv_weights.cu.
#include <fovea/kernels/conv/conv_hopper.cuh>
#include <fovea/kernels/conv/conv_weights.cuh>

namespace fovea::kernels::conv {
namespace {

using Block = WeightBlock<bf16, kHopperSide, kHopperSide, true>;

__global__ __launch_bounds__(kProductThreads,
                             2) void hopper_weights_kernel(const __grid_constant__ WeightProduct<bf16> p) {
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
  extern __shared__ char memory[];
  __shared__ Block::Shared shared;
  Block block(p, shared);
  hopper_product(block, memory);
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
  launch(ctx, hopper_weights_kernel, blocks, kProductThreads, kHopperBytes, p);
}

}  // namespace fovea::kernels::conv
