// The gradient of a convolution's weight as an implicit matrix product
//
//   dweight[k, tap, c] = sum over points of dy[point, k] x(point, tap, c)
//
// Rows are output channels, columns the taps' channels, and the reduction runs over all points of all images. As in
// conv_data.cu no matrix of patches is in memory: a block copies, for the next 32 points, its channels of dy and its
// columns of their patches straight into swizzled shared memory. Where a patch begins is worked out once for each point
// by one warp, a step ahead of the copies.
//
// The reduction is long and the result small, so the points are split over blocks: each writes its sum to scratch, and
// a second kernel adds them in order. The number of parts depends on the sizes and the device alone: the same bits
// every time.
//
// Reads: dy once for each tile of columns, x once for each tap and tile of rows, both mostly from the second-level
// cache. Writes the gradient once, and with parts P writes and reads it P times.
#include <limits>
#include <stdexcept>

#include <fovea/kernels/device_scratch.h>
#include <fovea/kernels/conv_cuda.cuh>

namespace fovea::kernels::conv {
namespace {

constexpr int kThreads = 256, kWarps = kThreads / kWarp, kPoints = 32, kStages = 3;

template <class T>
struct WeightProduct {
  const T* x;
  const T* dy;
  float* out;  // [parts, k, taps, c]
  int64_t part_size;
  Axis axis_h, axis_w;
  int points;                             // of all images
  int grid;                               // points of an image
  int h, w, pitch;                        // x
  int groups, channels;                   // a group's channels of x
  int rows;                               // a group's channels of dy
  int tap_columns, run, padded, columns;  // taps of a row of the kernel; their run, without and with padding; all
  bool packs_dy, packs_out;
  int tiles_m, tiles_n, steps_per_part;
};

template <Math kMath, int kBlockM, int kBlockN, int kWarpsM>
struct WeightTile {
  using T = element_t<kMath>;
  static constexpr int kWarpsN = kWarps / kWarpsM, kM = kBlockM / kWarpsM, kN = kBlockN / kWarpsN;
  static constexpr int kAChunks = kBlockM / kPack<T>, kBChunks = kBlockN / kPack<T>;
  using Warp = WarpTile<kMath, kM, kN>;
  static constexpr int kStageChunks = kPoints * (kAChunks + kBChunks);
  static constexpr size_t kStaged = size_t(kWarps) * kM * Warp::kStagePitch * sizeof(float);
  static constexpr size_t kBytes = std::max(size_t(kStages) * kStageChunks * 16, kStaged);
};

template <class Tile, Math kMath, int kBlockM, int kBlockN, int kWarpsM, bool kPacks>
__global__ __launch_bounds__(kThreads, 2) void weights_kernel(WeightProduct<element_t<kMath>> p) {
  using T = element_t<kMath>;
  constexpr int kVec = kPack<T>, kAChunks = Tile::kAChunks, kBChunks = Tile::kBChunks;
  constexpr int kEach = 4 / sizeof(T);
  extern __shared__ uint4 shared[];
  __shared__ Point points[2][kPoints];

  unsigned block = blockIdx.x;
  const int tile_n = int(block % unsigned(p.tiles_n));
  block /= unsigned(p.tiles_n);
  const int tile_m = int(block % unsigned(p.tiles_m));
  block /= unsigned(p.tiles_m);
  const int group = int(block % unsigned(p.groups));
  const int part = int(block / unsigned(p.groups));
  const int step0 = part * p.steps_per_part;
  const int steps = std::min(p.steps_per_part, ceil_div(p.points, kPoints) - step0);
  const int line = p.w * p.pitch, k = p.groups * p.rows;

  auto find = [&](int step) {  // by one warp
    if (threadIdx.x >= kPoints) return;
    const int point = (step0 + step) * kPoints + int(threadIdx.x);
    const int n = point / p.grid, rest = point % p.grid;
    const int i = rest / p.axis_w.points * p.axis_h.stride + p.axis_h.start;
    const int j = (rest % p.axis_w.points * p.axis_w.stride + p.axis_w.start) * p.pitch + group * p.channels;
    points[step % 2][threadIdx.x] =
        point < p.points ? Point{p.x + (int64_t(n) * p.h + i) * line + j, i, j} : Point{p.x, kNowhere, 0};
  };

  // 16 bytes at once, a thread's columns stay the same and its rows follow one another; element by element, a warp
  // reads neighbours of a row.
  const int row_first = tile_m * kBlockM, column_first = tile_n * kBlockN;
  const int rows = p.rows - row_first, lane = threadIdx.x % kWarp;
  const T* dy = p.dy + int64_t(step0) * kPoints * k + group * p.rows + row_first;
  const int column = column_first + int(threadIdx.x) % kBChunks * kVec;
  Tap tap;
  if constexpr (kPacks) tap.advance(column, p.tap_columns, p.padded);
  const int down = tap.row * p.axis_h.step, right = tap.column * p.axis_w.step * p.pitch + tap.element;
  const int ahead = down * line + right;

  auto load = [&](int step) {
    uint4* a = shared + step % kStages * Tile::kStageChunks;
    uint4* b = a + kPoints * kAChunks;
    const T* from = dy + int64_t(step) * kPoints * k;
    const int left = p.points - (step0 + step) * kPoints;
    if (kPacks || p.packs_dy) {
      const int chunk = int(threadIdx.x) % kAChunks;
#pragma unroll
      for (int row = 0; row < kPoints; row += kThreads / kAChunks) {
        const int at = row + int(threadIdx.x) / kAChunks;
        const bool inside = at < left && chunk * kVec < rows;
        copy_async<16>(a + swizzled<kAChunks>(at, chunk), from + at * k + chunk * kVec, inside ? 16 : 0);
      }
    } else {
#pragma unroll
      for (int chunk = 0; chunk < kAChunks; chunk += kWarp / 4)
#pragma unroll 1
        for (int at = threadIdx.x / kWarp; at < kPoints; at += kWarps) {
          const int element = (chunk + lane / 4) * kVec + lane % 4 * kEach;
          copy_word(a + swizzled<kAChunks>(at, chunk + lane / 4), lane % 4, from + at * k + element,
                    [&](int e) { return at < left && element + e < rows; });
        }
    }
    if constexpr (kPacks) {
      const int chunk = int(threadIdx.x) % kBChunks;
#pragma unroll
      for (int row = 0; row < kPoints; row += kThreads / kBChunks) {
        const int at = row + int(threadIdx.x) / kBChunks;
        const Point point = points[step % 2][at];
        const bool inside = column < p.columns && unsigned(point.row + down) < unsigned(p.h) &&
                            unsigned(point.element + right) < unsigned(line);
        copy_async<16>(b + swizzled<kBChunks>(at, chunk), static_cast<const T*>(point.first) + ahead, inside ? 16 : 0);
      }
    } else {
#pragma unroll 1
      for (int chunk = lane / 4; chunk < kBChunks; chunk += kWarp / 4) {
        const int mine = column_first + chunk * kVec + lane % 4 * kEach;
        Tap own;
        own.advance(mine, p.tap_columns, p.padded);
        const int below = own.row * p.axis_h.step;
        const int beside = own.column * p.axis_w.step * p.pitch + own.element;
#pragma unroll 4
        for (int at = threadIdx.x / kWarp; at < kPoints; at += kWarps) {
          const Point point = points[step % 2][at];
          const bool inside = mine < p.columns && unsigned(point.row + below) < unsigned(p.h);
          copy_word(b + swizzled<kBChunks>(at, chunk), lane % 4,
                    static_cast<const T*>(point.first) + below * line + beside, [&](int e) {
                      return inside && own.element + e < p.run && unsigned(point.element + beside + e) < unsigned(line);
                    });
        }
      }
    }
  };

  typename Tile::Warp warp;
  const int warp_m = int(threadIdx.x) / kWarp % kWarpsM * Tile::kM;
  const int warp_n = int(threadIdx.x) / kWarp / kWarpsM * Tile::kN;
  find(0);
  __syncthreads();
#pragma unroll
  for (int step = 0; step < kStages - 1; ++step) {
    if (step < steps) load(step);
    copy_async_commit();
    find(step + 1);
    if (step < kStages - 2) __syncthreads();
  }
  for (int step = 0; step < steps; ++step) {
    copy_async_wait<kStages - 2>();
    __syncthreads();
    if (step + kStages - 1 < steps) load(step + kStages - 1);
    copy_async_commit();
    find(step + kStages);
    const uint4* a = shared + step % kStages * Tile::kStageChunks;
    warp.template add_columns<kPoints, kAChunks, kBChunks>(a, a + kPoints * kAChunks, warp_m, warp_n);
  }
  copy_async_wait<0>();
  __syncthreads();

  float* staged = reinterpret_cast<float*>(shared) + int(threadIdx.x) / kWarp * Tile::kM * Tile::Warp::kStagePitch;
  warp.template stage<true>(staged);
  const int row_length = p.columns / p.padded * p.run;  // of the gradient: without padding
  float* out = p.out + part * p.part_size + int64_t(group) * p.rows * row_length;
  const int first = column_first + warp_n;
  if (first >= p.columns) return;
  write_staged<Tile::kM, Tile::kN, Tile::Warp::kStagePitch, float>(
      staged, p.packs_out, p.columns - first, nullptr,
      [&](int row) {
        row += row_first + warp_m;
        return row < p.rows ? out + int64_t(row) * row_length : nullptr;
      },
      [&](int at) {
        at += first;
        if constexpr (kPacks) return at;
        const int element = at % p.padded;
        return element < p.run ? at / p.padded * p.run + element : -1;
      });
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

template <Math kMath, int kBlockM, int kBlockN, int kWarpsM, bool kPacks>
void run(Cuda& ctx, WeightProduct<element_t<kMath>> p, float* dweight) {
  using Tile = WeightTile<kMath, kBlockM, kBlockN, kWarpsM>;
  p.tiles_m = ceil_div(p.rows, kBlockM);
  p.tiles_n = ceil_div(p.columns, kBlockN);
  const int64_t tiles = int64_t(p.tiles_m) * p.tiles_n * p.groups;
  // Two waves of blocks, each with at least 8 steps.
  const int steps = ceil_div(p.points, kPoints);
  const int wanted = int(std::clamp<int64_t>(2 * ctx.multiprocessors / tiles, 1, std::max(steps / 8, 1)));
  p.steps_per_part = ceil_div(steps, wanted);
  const int parts = ceil_div(steps, p.steps_per_part);
  if (tiles * parts > std::numeric_limits<int>::max()) throw std::runtime_error("conv2d: more tiles than a launch has");

  DeviceScratch scratch(ctx);
  p.out = parts == 1 ? dweight : scratch.take<float>(size_t(parts * p.part_size));
  auto aligned = [](const void* at) { return reinterpret_cast<uintptr_t>(at) % 16 == 0; };
  p.packs_out = p.padded == p.run && p.columns % 4 == 0 && p.part_size % 4 == 0 && aligned(p.out);
  launch(ctx, weights_kernel<Tile, kMath, kBlockM, kBlockN, kWarpsM, kPacks>, unsigned(tiles * parts), kThreads,
         Tile::kBytes, p);
  if (parts == 1) return;
  if (p.part_size % 4 == 0 && aligned(dweight))
    launch(ctx, add_parts_kernel<4>, grid_for(ctx, p.part_size / 4, 256), 256, 0, p.out, parts, p.part_size, dweight);
  else
    launch(ctx, add_parts_kernel<1>, grid_for(ctx, p.part_size, 256), 256, 0, p.out, parts, p.part_size, dweight);
}

template <Math kMath>
void run(Cuda& ctx, const WeightProduct<element_t<kMath>>& p, bool packs, float* dweight) {
  if (!packs) return run<kMath, 64, 128, 2, false>(ctx, p, dweight);
  if (p.rows > 64) return run<kMath, 128, 128, 2, true>(ctx, p, dweight);
  run<kMath, 64, 128, 2, true>(ctx, p, dweight);
}

}  // namespace

template <class T>
void gather_backward_weights(Cuda& ctx, const Conv2dShape& s, Math math, const T* x, const T* dy, float* dweight) {
  constexpr int kVec = kPack<T>;
  const int c = int(s.c / s.groups), kh = int(s.kh), kw = int(s.kw);
  const bool folded = s.groups == 1 && (s.dilation_w == 1 || kw == 1);
  const int run_length = folded ? kw * c : c, padded = ceil_div(run_length, kVec) * kVec;
  auto aligned = [](const void* p) { return reinterpret_cast<uintptr_t>(p) % 16 == 0; };
  const bool packs_x = aligned(x) && (s.c % kVec == 0 ? c % kVec == 0
                                                      : folded && s.pad_w == 0 && run_length % kVec == 0 &&
                                                            s.stride_w * s.c % kVec == 0 && s.w * s.c % kVec == 0);
  const bool packs_dy = aligned(dy) && s.k % kVec == 0 && s.k / s.groups % kVec == 0;
  const WeightProduct<T> p{.x = x,
                           .dy = dy,
                           .out = nullptr,
                           .part_size = s.k * kh * kw * c,
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
                           .tap_columns = folded ? 1 : kw,
                           .run = run_length,
                           .padded = padded,
                           .columns = kh * (folded ? 1 : kw) * padded,
                           .packs_dy = packs_dy,
                           .packs_out = false,
                           .tiles_m = 0,
                           .tiles_n = 0,
                           .steps_per_part = 0};
  const bool packs = packs_x && packs_dy;
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
