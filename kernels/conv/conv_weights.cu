// The gradient of a convolution's weight as an implicit matrix product
//
//   dweight[k, tap, c] = sum over points of dy[point, k] x(point, tap, c)
//
// Rows are output channels, columns the taps' channels, and the reduction runs over all points of all images. As in
// conv_data.cu no matrix of patches is in memory: a block copies, for the next 32 or 64 points, its channels of dy and
// its columns of their patches straight into swizzled shared memory. Where a patch begins is worked out once for each
// point, a step ahead of the copies.
//
// The reduction is long and the result small, so the points are split over blocks: each writes its sum to scratch, and
// a second kernel adds them in order. The number of parts depends on sizes and device alone: the same bits every time.
//
// Reads: dy once for each tile of columns, x once for each tap and tile of rows, both mostly from the second-level
// cache. Writes the gradient once, and with parts P writes and reads it P times.
//
// Paths: f32 (fused multiply-adds), tf32 and bf16 (tensor cores; on Hopper conv_weights_hopper.cu). Each with 16-byte
// asynchronous copies, or element by element where the alignment of either image does not allow them.
#include <limits>
#include <stdexcept>

#include <fovea/kernels/device_scratch.h>
#include <fovea/kernels/conv/conv_weights.cuh>

namespace fovea::kernels::conv {
namespace {

template <Math kMath, class Block, int kWarpsM>
__global__ __launch_bounds__(kProductThreads, 2) void weights_kernel(WeightProduct<element_t<kMath>> p) {
  extern __shared__ uint4 stages[];
  __shared__ typename Block::Shared shared;
  Block block(p, shared);
  WarpProduct<kMath, Block, kWarpsM>::run(block, stages);
}

// out[i] = sum of the parts' i-th elements, in order.                            reads parts * size, writes size
template <int kVec>
__global__ void add_parts_kernel(const float* parts, int count, int64_t size, float* out) {
  for (int64_t i = (int64_t(blockIdx.x) * blockDim.x + threadIdx.x) * kVec; i < size;
       i += int64_t(gridDim.x) * blockDim.x * kVec) {
    Pack<float, kVec> sum = load_pack<kVec>(parts + i);
#pragma unroll 4
    for (int part = 1; part < count; ++part) {
      const Pack<float, kVec> more = load_pack<kVec>(parts + part * size + i);
#pragma unroll
      for (int e = 0; e < kVec; ++e) sum[e] += more[e];
    }
    store_pack(out + i, sum);
  }
}

// Splits the product over blocks of kBlockM x kBlockN, runs it by start(product, blocks) and adds the parts.
template <int kBlockM, int kBlockN, class T, class Start>
void run_split(Cuda& ctx, WeightProduct<T> p, float* dweight, const Start& start) {
  p.tiles_m = ceil_div(p.rows, kBlockM);
  p.tiles_n = ceil_div(p.columns, kBlockN);
  const int64_t tiles = int64_t(p.tiles_m) * p.tiles_n * p.groups;
  // Two blocks for each multiprocessor, each with at least 256 points.
  const int steps = ceil_div(p.points, WeightBlock<T, kBlockM, kBlockN, true>::kDepth);
  const int64_t most = std::max(p.points / 256, 1);
  const int wanted = int(std::clamp<int64_t>(2 * ctx.multiprocessors / tiles, 1, most));
  p.steps_per_part = ceil_div(steps, wanted);
  const int parts = ceil_div(steps, p.steps_per_part);
  if (tiles * parts > std::numeric_limits<int>::max()) throw std::runtime_error("conv2d: more tiles than a launch has");

  DeviceScratch scratch(ctx);
  p.out = parts == 1 ? dweight : scratch.take<float>(size_t(parts * p.part_size));
  p.packs_out = p.padded == p.run && p.columns % 4 == 0 && allows_packs<float>(p.part_size, p.out);
  start(p, unsigned(tiles * parts));
  if (parts == 1) return;
  if (allows_packs<float>(p.part_size, dweight, p.out))
    launch(ctx, add_parts_kernel<4>, grid_for(ctx, p.part_size / 4, 256), 256, 0, p.out, parts, p.part_size, dweight);
  else
    launch(ctx, add_parts_kernel<1>, grid_for(ctx, p.part_size, 256), 256, 0, p.out, parts, p.part_size, dweight);
}

template <Math kMath, int kBlockM, int kBlockN, int kWarpsM, bool kPacks>
void run(Cuda& ctx, const WeightProduct<element_t<kMath>>& p, float* dweight) {
  using Block = WeightBlock<element_t<kMath>, kBlockM, kBlockN, kPacks>;
  run_split<kBlockM, kBlockN>(ctx, p, dweight, [&](const auto& product, unsigned blocks) {
    launch(ctx, weights_kernel<kMath, Block, kWarpsM>, blocks, kProductThreads,
           WarpProduct<kMath, Block, kWarpsM>::kBytes, product);
  });
}

template <Math kMath>
void run(Cuda& ctx, const WeightProduct<element_t<kMath>>& p, bool packs, float* dweight) {
  if (!packs) return run<kMath, 64, 128, 2, false>(ctx, p, dweight);
  if (p.rows <= 64) return run<kMath, 64, 128, 2, true>(ctx, p, dweight);
  if constexpr (kMath == Math::bf16)
    if (hopper_takes_weights(ctx))
      return run_split<128, 128>(
          ctx, p, dweight, [&](const auto& product, unsigned blocks) { weights_on_hopper(ctx, product, blocks); });
  run<kMath, 128, 128, 2, true>(ctx, p, dweight);
}

}  // namespace

template <class T>
void gather_backward_weights(Cuda& ctx, const Conv2dShape& s, Math math, const T* x, const T* dy, float* dweight) {
  const Runs runs = runs_of(s, x);
  const int kh = int(s.kh), tap_columns = runs.folded ? 1 : int(s.kw), c = int(s.c / s.groups);
  const WeightProduct<T> p{.x = x,
                           .dy = dy,
                           .out = nullptr,
                           .part_size = s.k * kh * s.kw * c,
                           .axis_h = line_h(s).forward(),
                           .axis_w = line_w(s).forward(),
                           .points = int(s.n * s.out_h() * s.out_w()),
                           .grid = int(s.out_h() * s.out_w()),
                           .h = int(s.h),
                           .w = int(s.w),
                           .pitch = int(s.c),
                           .groups = int(s.groups),
                           .channels = c,
                           .rows = int(s.k / s.groups),
                           .tap_columns = tap_columns,
                           .run = runs.length,
                           .padded = runs.padded,
                           .columns = kh * tap_columns * runs.padded,
                           .packs_dy = allows_packs<T>(s.k / s.groups, dy),
                           .packs_out = false,
                           .tiles_m = 0,
                           .tiles_n = 0,
                           .steps_per_part = 0};
  const bool packs = runs.packs && p.packs_dy;
  if constexpr (sizeof(T) == 2)
    run<Math::bf16>(ctx, p, packs, dweight);
  else if (math == Math::tf32)
    run<Math::tf32>(ctx, p, packs, dweight);
  else
    run<Math::f32>(ctx, p, packs, dweight);
}

template void gather_backward_weights(Cuda&, const Conv2dShape&, Math, const float*, const float*, float*);
template void gather_backward_weights(Cuda&, const Conv2dShape&, Math, const bf16*, const bf16*, float*);

}  // namespace fovea::kernels::conv
