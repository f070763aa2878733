// Convolution forward, and the gradient of the input, as an implicit matrix product
//
//   out[point, column] = bias[column] + sum over taps and channels of source(point, tap, channel) weight[column, tap,
//   channel]
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
// Paths: f32 (fused multiply-adds), tf32 and bf16 (tensor cores). Each with 16-byte asynchronous copies, or element by
// element where the image's alignment does not allow them (three channels).
#include <limits>
#include <stdexcept>

#include <fovea/kernels/device_scratch.h>
#include <fovea/kernels/conv_cuda.cuh>

namespace fovea::kernels::conv {
namespace {

constexpr int kThreads = 256, kWarps = kThreads / kWarp, kChunks = 8, kStages = 3;

template <class T>
struct GatherProduct {
  const T* source;
  const T* weight;    // [groups columns, tap rows, tap columns, run]
  const float* bias;  // may be null
  T* out;
  Line line_h, line_w;
  bool backward;
  bool folded;                               // all taps of a row are one run
  bool packs_out;                            // rows of the output allow 16-byte stores
  int classes_w;                             // classes of positions along w
  int64_t images;                            // of the batch
  int h, w, pitch;                           // images that are read: size, channels
  int out_h, out_w;                          // images that are written
  int groups, channels;                      // a group's channels in the source
  int columns;                               // a group's channels in the output
  int weight_ld, weight_row, weight_column;  // from column to column, tap row to tap row, tap to tap
  int tiles_m, tiles_n;
};

template <Math kMath, int kBlockM, int kBlockN, int kWarpsM, bool kPacks>
struct GatherTile {
  using T = element_t<kMath>;
  static constexpr int kWarpsN = kWarps / kWarpsM, kM = kBlockM / kWarpsM, kN = kBlockN / kWarpsN;
  using Warp = WarpTile<kMath, kM, kN>;
  static constexpr int kStageChunks = (kBlockM + kBlockN) * kChunks;
  static constexpr size_t kStaged = size_t(kWarps) * kM * Warp::kStagePitch * sizeof(float);
  static constexpr size_t kBytes = std::max(size_t(kStages) * kStageChunks * 16, kStaged);
};

template <class Tile, Math kMath, int kBlockM, int kBlockN, int kWarpsM, bool kPacks>
__global__ __launch_bounds__(kThreads, 2) void gather_kernel(GatherProduct<element_t<kMath>> p) {
  using T = element_t<kMath>;
  constexpr int kVec = kPack<T>, kStep = kChunks * kVec;
  extern __shared__ uint4 shared[];
  __shared__ T* places[kBlockM];     // the points' rows in the output
  __shared__ Point points[kBlockM];  // and in the source

  unsigned block = blockIdx.x;
  const int tile_n = int(block % unsigned(p.tiles_n));
  block /= unsigned(p.tiles_n);
  const int tile_m = int(block % unsigned(p.tiles_m));
  block /= unsigned(p.tiles_m);
  const int group = int(block % unsigned(p.groups));
  const int cls = int(block / unsigned(p.groups));

  const Axis axis_h = p.backward ? p.line_h.backward(cls / p.classes_w) : p.line_h.forward();
  const Axis axis_w = p.backward ? p.line_w.backward(cls % p.classes_w) : p.line_w.forward();
  const int grid = axis_h.points * axis_w.points, count = grid * p.images, first = tile_m * kBlockM;
  if (first >= count) return;
  const int tap_columns = p.folded ? (axis_w.taps ? 1 : 0) : axis_w.taps;
  const int run = p.folded ? axis_w.taps * p.pitch : p.channels, padded = std::max(ceil_div(run, kVec), 1) * kVec;
  const int reduction = axis_h.taps * tap_columns * padded;
  const int tiles = ceil_div(reduction, kStep);
  const int line = p.w * p.pitch;

  for (int row = threadIdx.x; row < kBlockM; row += kThreads) {
    const int point = first + row, n = point / grid, rest = point % grid;
    const int i = rest / axis_w.points, j = rest % axis_w.points;
    const int out_i = i * axis_h.out_step + axis_h.out_first, out_j = j * axis_w.out_step + axis_w.out_first;
    const int read_i = i * axis_h.stride + axis_h.start;
    const int read_j = (j * axis_w.stride + axis_w.start) * p.pitch + group * p.channels;
    const bool inside = point < count;
    points[row] = {p.source + (inside ? (int64_t(n) * p.h + read_i) * line + read_j : 0), inside ? read_i : kNowhere,
                   read_j};
    places[row] = inside ? p.out + ((int64_t(n) * p.out_h + out_i) * p.out_w + out_j) * (p.groups * p.columns) +
                               group * p.columns + tile_n * kBlockN
                         : nullptr;
  }
  __syncthreads();

  // 16 bytes at once, a thread copies one chunk of the reduction for each of its rows; element by element, neighbouring
  // lanes read neighbouring elements of one row.
  constexpr int kApart = kThreads / kChunks;  // rows
  const int chunk = threadIdx.x % kChunks, row0 = threadIdx.x / kChunks, lane = threadIdx.x % kWarp;
  const int column0 = tile_n * kBlockN + row0;
  const T* weight = p.weight + (int64_t(group) * p.columns + column0) * p.weight_ld + axis_h.tap_first * p.weight_row +
                    axis_w.tap_first * p.weight_column;
  Tap tap(chunk * kVec, tap_columns, padded), own(lane * (4 / int(sizeof(T))), tap_columns, padded);

  auto load = [&](int tile) {
    uint4* a = shared + tile % kStages * Tile::kStageChunks;
    uint4* b = a + kBlockM * kChunks;
    const Tap& read = kPacks ? tap : own;
    const bool taken = read.row < axis_h.taps;
    const int down = read.row * axis_h.step, right = read.column * axis_w.step * p.pitch + read.element;
    const int ahead = down * line + right;
    if constexpr (kPacks) {
#pragma unroll
      for (int i = 0; i < kBlockM / kApart; ++i) {
        const Point point = points[row0 + i * kApart];
        const bool inside =
            taken && unsigned(point.row + down) < unsigned(p.h) && unsigned(point.element + right) < unsigned(line);
        copy_async<16>(a + swizzled<kChunks>(row0 + i * kApart, chunk), static_cast<const T*>(point.first) + ahead,
                       inside ? 16 : 0);
      }
    } else {
#pragma unroll 4
      for (int r = threadIdx.x / kWarp; r < kBlockM; r += kWarps) {
        const Point point = points[r];
        const T* from = static_cast<const T*>(point.first) + ahead;
        const bool inside = taken && unsigned(point.row + down) < unsigned(p.h);
        copy_word(a + swizzled<kChunks>(r, lane / 4), lane % 4, from, [&](int e) {
          return inside && own.element + e < run && unsigned(point.element + right + e) < unsigned(line);
        });
      }
      own.advance(kStep, tap_columns, padded);
    }
    const T* at = weight + tap.row * p.weight_row + tap.column * p.weight_column + tap.element;
#pragma unroll
    for (int i = 0; i < kBlockN / kApart; ++i) {
      const bool inside = tap.row < axis_h.taps && column0 + i * kApart < p.columns;
      copy_async<16>(b + swizzled<kChunks>(row0 + i * kApart, chunk), at + int64_t(i) * kApart * p.weight_ld,
                     inside ? 16 : 0);
    }
    tap.advance(kStep, tap_columns, padded);
  };

  typename Tile::Warp warp;
  const int warp_m = int(threadIdx.x) / kWarp % kWarpsM * Tile::kM;
  const int warp_n = int(threadIdx.x) / kWarp / kWarpsM * Tile::kN;
#pragma unroll
  for (int tile = 0; tile < kStages - 1; ++tile) {
    if (tile < tiles) load(tile);
    copy_async_commit();
  }
  for (int tile = 0; tile < tiles; ++tile) {
    copy_async_wait<kStages - 2>();
    __syncthreads();
    if (tile + kStages - 1 < tiles) load(tile + kStages - 1);
    copy_async_commit();
    const uint4* a = shared + tile % kStages * Tile::kStageChunks;
    warp.template add_rows<kChunks>(a, a + kBlockM * kChunks, warp_m, warp_n);
  }
  copy_async_wait<0>();
  __syncthreads();

  const int columns = p.columns - tile_n * kBlockN - warp_n;
  if (columns <= 0) return;
  float* staged = reinterpret_cast<float*>(shared) + int(threadIdx.x) / kWarp * Tile::kM * Tile::Warp::kStagePitch;
  warp.template stage<false>(staged);
  const float* bias = p.bias ? p.bias + group * p.columns + tile_n * kBlockN + warp_n : nullptr;
  write_staged<Tile::kM, Tile::kN, Tile::Warp::kStagePitch, T>(
      staged, p.packs_out, columns, bias,
      [&](int row) {
        T* place = places[warp_m + row];
        return place ? place + warp_n : place;
      },
      [](int column) { return column; });
}

template <Math kMath, int kBlockM, int kBlockN, int kWarpsM, bool kPacks>
void run(Cuda& ctx, GatherProduct<element_t<kMath>> p, int64_t points, int classes) {
  using Tile = GatherTile<kMath, kBlockM, kBlockN, kWarpsM, kPacks>;
  p.tiles_m = int(ceil_div<int64_t>(points, kBlockM));
  p.tiles_n = ceil_div(p.columns, kBlockN);
  const int64_t blocks = int64_t(p.tiles_m) * p.tiles_n * p.groups * classes;
  if (blocks > std::numeric_limits<int>::max()) throw std::runtime_error("conv2d: more tiles than a launch can have");
  launch(ctx, gather_kernel<Tile, kMath, kBlockM, kBlockN, kWarpsM, kPacks>, unsigned(blocks), kThreads, Tile::kBytes,
         p);
}

// The largest tile that neither wastes columns nor leaves multiprocessors idle.
template <Math kMath>
void run(Cuda& ctx, const GatherProduct<element_t<kMath>>& p, bool packs, int64_t points, int classes) {
  auto tiles = [&](int m, int n) { return ceil_div<int64_t>(points, m) * ceil_div(p.columns, n) * p.groups * classes; };
  if (!packs) return run<kMath, 128, 64, 4, false>(ctx, p, points, classes);
  if (p.columns <= 32) return run<kMath, 128, 32, 4, true>(ctx, p, points, classes);
  if (p.columns > 64 && tiles(128, 128) >= ctx.multiprocessors)
    return run<kMath, 128, 128, 2, true>(ctx, p, points, classes);
  if (tiles(128, 64) >= ctx.multiprocessors) return run<kMath, 128, 64, 4, true>(ctx, p, points, classes);
  run<kMath, 64, 64, 2, true>(ctx, p, points, classes);
}

template <class T>
void run(Cuda& ctx, const GatherProduct<T>& p, Math math, bool packs, int64_t points, int classes) {
  if constexpr (sizeof(T) == 2)
    run<Math::bf16>(ctx, p, packs, points, classes);
  else if (math == Math::tf32)
    run<Math::tf32>(ctx, p, packs, points, classes);
  else
    run<Math::f32>(ctx, p, packs, points, classes);
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
  __syncthreads();
  for (int r = threadIdx.y; r < kWarp; r += blockDim.y)
    if (c0 + r < c && k0 + int(threadIdx.x) < padded)
      to[((int64_t(group) * c + c0 + r) * taps + order) * padded + k0 + threadIdx.x] =
          from_float<T>(square[threadIdx.x][r]);
}

bool aligned(const void* p) {
  return reinterpret_cast<uintptr_t>(p) % 16 == 0;
}

}  // namespace

template <class T>
void gather_forward(Cuda& ctx, const Conv2dShape& s, Math math, const T* x, const float* weight, const float* bias,
                    T* y) {
  constexpr int kVec = kPack<T>;
  const int c = int(s.c / s.groups), kh = int(s.kh), kw = int(s.kw);
  const bool folded = s.groups == 1 && (s.dilation_w == 1 || kw == 1);
  const int run_length = folded ? kw * c : c, padded = ceil_div(run_length, kVec) * kVec;
  // Every run begins and ends at a multiple of 16 bytes, and none crosses the border.
  const bool packs = aligned(x) && (s.c % kVec == 0 ? c % kVec == 0
                                                    : folded && s.pad_w == 0 && run_length % kVec == 0 &&
                                                          s.stride_w * s.c % kVec == 0 && s.w * s.c % kVec == 0);
  DeviceScratch scratch(ctx);
  const T* prepared;
  if constexpr (sizeof(T) == 4)
    prepared = run_length == padded && aligned(weight) ? weight : nullptr;
  else
    prepared = nullptr;
  if (!prepared) {
    const int64_t rows = s.k * kh * (folded ? 1 : kw);
    T* to = scratch.take<T>(size_t(rows * padded));
    launch(ctx, pad_kernel<T>, grid_for(ctx, rows * padded, 256), 256, 0, weight, rows, run_length, padded, to);
    prepared = to;
  }
  const int row = (folded ? 1 : kw) * padded;
  run(ctx,
      GatherProduct<T>{.source = x,
                       .weight = prepared,
                       .bias = bias,
                       .out = y,
                       .line_h = line_h(s),
                       .line_w = line_w(s),
                       .backward = false,
                       .folded = folded,
                       .packs_out = aligned(y) && s.k / s.groups % kVec == 0,
                       .classes_w = 1,
                       .images = int(s.n),
                       .h = int(s.h),
                       .w = int(s.w),
                       .pitch = int(s.c),
                       .out_h = int(s.out_h()),
                       .out_w = int(s.out_w()),
                       .groups = int(s.groups),
                       .channels = c,
                       .columns = int(s.k / s.groups),
                       .weight_ld = kh * row,
                       .weight_row = row,
                       .weight_column = padded},
      math, packs, s.n * s.out_h() * s.out_w(), 1);
}

template <class T>
void gather_backward_data(Cuda& ctx, const Conv2dShape& s, Math math, const T* dy, const float* weight, T* dx) {
  constexpr int kVec = kPack<T>;
  const int c = int(s.c / s.groups), k = int(s.k / s.groups), kh = int(s.kh), kw = int(s.kw);
  const int padded = ceil_div(k, kVec) * kVec;
  const bool packs = aligned(dy) && k % kVec == 0 && s.k % kVec == 0;
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
                       .out = dx,
                       .line_h = h,
                       .line_w = w,
                       .backward = true,
                       .folded = folded,
                       .packs_out = aligned(dx) && c % kVec == 0,
                       .classes_w = classes_w,
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
      math, packs, s.n * ceil_div(h.in, h.stride) * ceil_div(w.in, w.stride), classes_h * classes_w);
}

#define FOVEA_INSTANTIATE(T)                                                                               \
  template void gather_forward(Cuda&, const Conv2dShape&, Math, const T*, const float*, const float*, T*); \
  template void gather_backward_data(Cuda&, const Conv2dShape&, Math, const T*, const float*, T*)
FOVEA_INSTANTIATE(float);
FOVEA_INSTANTIATE(bf16);

}  // namespace fovea::kernels::conv
