// Convolution forward, and the gradient of the input, as an implicit matrix product
//
//   out[point, column] = bias[column] + sum over taps and channels of
//                        source(point, tap, channel) weight[column, tap, channel]
//
// and a ReLU where it is asked for, on the way out.
//
// Rows are the points of the output (forward: of y; backward: of dx, one class of positions modulo the stride at a
// time, see Line::backward), columns its channels. No matrix of patches is ever in memory: a block copies the patches
// of its points straight from the image into swizzled shared memory, 128 bytes of the reduction at once, with zeros
// beyond the border, while it multiplies what arrived before.
//
// The taps of one row of the kernel are neighbours in an NHWC image unless they are dilated or grouped: kw channels
// are then one run of the reduction, which is what keeps three channels efficient.
//
// Reads: the image once for each tile of columns, mostly from the second-level cache; the weight once for each tile of
// points. Writes the output once.
//
// Paths: f32 (fused multiply-adds), tf32 and bf16 (tensor cores; on Hopper conv_data_hopper.cu). Each with 16-byte
// asynchronous copies, or element by element where the image's alignment does not allow them (three channels).
#include <fovea/kernels/copy.h>
#include <fovea/kernels/device_scratch.h>
#include <fovea/kernels/conv/conv_data.cuh>

namespace fovea::kernels::conv {
namespace {

template <Math kMath, class Block, int kWarpsM>
__global__ __launch_bounds__(kProductThreads, 2) void gather_kernel(GatherProduct<element_t<kMath>> p) {
  extern __shared__ uint4 stages[];
  __shared__ typename Block::Shared shared;
  Block block(p, shared);
  if (!block.empty) WarpProduct<kMath, Block, kWarpsM>::run(block, stages);
}

template <Math kMath, int kBlockM, int kBlockN, int kWarpsM, bool kPacks>
void run(Cuda& ctx, GatherProduct<element_t<kMath>> p) {
  using Block = GatherBlock<element_t<kMath>, kBlockM, kBlockN, kPacks>;
  const unsigned blocks = gather_blocks<kBlockM, kBlockN>(p);
  launch(ctx, gather_kernel<kMath, Block, kWarpsM>, blocks, kProductThreads, WarpProduct<kMath, Block, kWarpsM>::kBytes,
         p);
}

// The largest tile that neither wastes columns nor leaves multiprocessors idle.
template <Math kMath>
void run(Cuda& ctx, const GatherProduct<element_t<kMath>>& p) {
  auto tiles = [&](int m, int n) {
    return int64_t(ceil_div(p.points, m)) * ceil_div(p.columns, n) * p.groups * p.classes;
  };
  if (!p.packs_in) return run<kMath, 128, 64, 4, false>(ctx, p);
  if (p.columns <= 32) return run<kMath, 128, 32, 4, true>(ctx, p);
  if (p.columns > 64 && tiles(128, 128) >= ctx.multiprocessors) {
    if constexpr (kMath == Math::bf16)
      if (gather_on_hopper(ctx, p)) return;
    return run<kMath, 128, 128, 2, true>(ctx, p);
  }
  if (tiles(128, 64) >= ctx.multiprocessors) return run<kMath, 128, 64, 4, true>(ctx, p);
  run<kMath, 64, 64, 2, true>(ctx, p);
}

template <class T>
void run(Cuda& ctx, const GatherProduct<T>& p, Math math) {
  if constexpr (sizeof(T) == 2)
    run<Math::bf16>(ctx, p);
  else if (math == Math::tf32)
    run<Math::tf32>(ctx, p);
  else
    run<Math::f32>(ctx, p);
}

// to[row][0, padded) = from[row][0, run), then zeros.                                reads and writes each once
template <class T>
__global__ void pad_kernel(const float* from, int64_t rows, int run, int padded, T* to) {
  for (int64_t i = int64_t(blockIdx.x) * blockDim.x + threadIdx.x; i < rows * padded;
       i += int64_t(gridDim.x) * blockDim.x) {
    const int64_t row = i / padded;
    const int e = int(i - row * padded);
    to[i] = from_float<T>(e < run ? from[row * run + e] : 0.0f);
  }
}

// to[g, c][tap in backward order][k, padded] = from[g, k][tap][c]: squares of 32 x 32 turned in shared memory.
template <class T>
__global__ void turn_kernel(const float* from, Line line_h, Line line_w, int k, int c, int padded, T* to) {
  __shared__ float square[kWarp][kWarp + 1];
  const int taps = line_h.kernel * line_w.kernel, tap = int(blockIdx.x % unsigned(taps)), group = blockIdx.x / taps;
  const int order =
      line_h.backward_order(tap / line_w.kernel) * line_w.kernel + line_w.backward_order(tap % line_w.kernel);
  const int k0 = blockIdx.y * kWarp, c0 = blockIdx.z * kWarp;
  for (int r = threadIdx.y; r < kWarp; r += blockDim.y) {
    const bool inside = k0 + r < k && c0 + int(threadIdx.x) < c;
    square[r][threadIdx.x] = inside ? from[((int64_t(group) * k + k0 + r) * taps + tap) * c + c0 + threadIdx.x] : 0.0f;
  }
  block_barrier();
  for (int r = threadIdx.y; r < kWarp; r += blockDim.y)
    if (c0 + r < c && k0 + int(threadIdx.x) < padded)
      to[((int64_t(group) * c + c0 + r) * taps + order) * padded + k0 + threadIdx.x] =
          from_float<T>(square[threadIdx.x][r]);
}

}  // namespace

template <class T>
void gather_forward(Cuda& ctx, const Conv2dShape& s, Math math, const T* x, const float* weight, const float* bias,
                    Epilogue epilogue, T* y) {
  const Runs runs = runs_of(s, x);
  const int kh = int(s.kh), kw = runs.folded ? 1 : int(s.kw), row = kw * runs.padded;
  DeviceScratch scratch(ctx);
  const T* prepared = nullptr;
  if constexpr (sizeof(T) == 4)
    if (runs.length == runs.padded && allows_packs<T>(runs.length, weight)) prepared = weight;
  if (!prepared) {
    const int64_t count = s.k * kh * row;
    T* to = scratch.take<T>(size_t(count));
    if (runs.length == runs.padded)
      cast(ctx, weight, to, count);
    else
      launch(ctx, pad_kernel<T>, grid_for(ctx, count, 256), 256, 0, weight, s.k * kh * kw, runs.length, runs.padded,
             to);
    prepared = to;
  }
  run(ctx,
      GatherProduct<T>{.source = x,
                       .weight = prepared,
                       .bias = bias,
                       .least = least(epilogue),
                       .out = y,
                       .line_h = line_h(s),
                       .line_w = line_w(s),
                       .backward = false,
                       .folded = runs.folded,
                       .packs_out = allows_packs<T>(s.k / s.groups, y),
                       .packs_in = runs.packs,
                       .classes = 1,
                       .classes_w = 1,
                       .points = int(s.n * s.out_h() * s.out_w()),
                       .images = int(s.n),
                       .h = int(s.h),
                       .w = int(s.w),
                       .pitch = int(s.c),
                       .out_h = int(s.out_h()),
                       .out_w = int(s.out_w()),
                       .groups = int(s.groups),
                       .channels = int(s.c / s.groups),
                       .columns = int(s.k / s.groups),
                       .weight_ld = kh * row,
                       .weight_row = row,
                       .weight_column = runs.padded},
      math);
}

template <class T>
void gather_backward_data(Cuda& ctx, const Conv2dShape& s, Math math, const T* dy, const float* weight, T* dx) {
  constexpr int kVec = kPack<T>;
  const int c = int(s.c / s.groups), k = int(s.k / s.groups), kh = int(s.kh), kw = int(s.kw);
  const int padded = ceil_div(k, kVec) * kVec;
  const bool packs = allows_packs<T>(k, dy);
  const Line h = line_h(s), w = line_w(s);
  const bool folded = s.groups == 1 && padded == k && w.dilation * w.apart() == w.stride;
  DeviceScratch scratch(ctx);
  T* turned = scratch.take<T>(size_t(s.c) * kh * kw * padded);
  launch(ctx, turn_kernel<T>,
         dim3(unsigned(s.groups * kh * kw), unsigned(ceil_div(padded, kWarp)), unsigned(ceil_div(c, kWarp))),
         dim3(kWarp, 8), 0, weight, h, w, k, c, padded, turned);
  const int classes_h = std::min(h.stride, h.in), classes_w = std::min(w.stride, w.in);
  run(ctx,
      GatherProduct<T>{.source = dy,
                       .weight = turned,
                       .bias = nullptr,
                       .least = least(Epilogue::none),
                       .out = dx,
                       .line_h = h,
                       .line_w = w,
                       .backward = true,
                       .folded = folded,
                       .packs_out = allows_packs<T>(c, dx),
                       .packs_in = packs,
                       .classes = classes_h * classes_w,
                       .classes_w = classes_w,
                       .points = int(s.n) * ceil_div(h.in, h.stride) * ceil_div(w.in, w.stride),
                       .images = int(s.n),
                       .h = h.out,
                       .w = w.out,
                       .pitch = int(s.k),
                       .out_h = h.in,
                       .out_w = w.in,
                       .groups = int(s.groups),
                       .channels = k,
                       .columns = c,
                       .weight_ld = kh * kw * padded,
                       .weight_row = kw * padded,
                       .weight_column = padded},
      math);
}

#define FOVEA_INSTANTIATE(T)                                                                                         \
  template void gather_forward(Cuda&, const Conv2dShape&, Math, const T*, const float*, const float*, Epilogue, T*); \
  template void gather_backward_data(Cuda&, const Conv2dShape&, Math, const T*, const float*, T*)
FOVEA_INSTANTIATE(float);
FOVEA_INSTANTIATE(bf16);

}  // namespace fovea::kernels::conv
