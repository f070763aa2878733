#pragma once

// Private to kernels/conv_data*.cu: the implicit matrix product of a convolution, and how a block copies its operands.
#include <limits>
#include <stdexcept>

#include <fovea/kernels/conv/conv_cuda.cuh>
#include <fovea/kernels/conv/conv_pipeline.cuh>

namespace fovea::kernels::conv {

inline constexpr int kGatherChunks = 8;  // of a row of a tile: 128 bytes of the reduction

// out[point, column] = max(least, bias[column] + sum over taps and channels of source(point, tap, channel)
// weight[column, tap, channel]), for each group and each class of positions.
template <class T>
struct GatherProduct {
  const T* source;
  const T* weight;    // [groups columns, tap rows, tap columns, run]
  const float* bias;  // may be null
  float least;        // of an output (conv_tile.cuh)
  T* out;
  Line line_h, line_w;
  bool backward;
  bool folded;                               // all taps of a row are one run
  bool packs_out;                            // rows of the output allow 16-byte stores
  bool packs_in;                             // the source allows 16-byte copies
  int classes, classes_w;                    // of positions; along w
  int points;                                // of a class, at most
  int images;                                // of the batch
  int h, w, pitch;                           // images that are read: size, channels
  int out_h, out_w;                          // images that are written
  int groups, channels;                      // a group's channels in the source
  int columns;                               // a group's channels in the output
  int weight_ld, weight_row, weight_column;  // from column to column, tap row to tap row, tap to tap
  int tiles_m, tiles_n;
};

// What one block multiplies: the points' patches [kBlockM] and the weight's columns [kBlockN], a tile of 128 bytes of
// the reduction at a time, in order. kPacks: 16 bytes at once, a thread copies one chunk for each of its rows.
// Otherwise patches come element by element, neighbouring lanes reading neighbours of one row.
template <class T, int kBlockM, int kBlockN, bool kPacks>
struct GatherBlock {
  static constexpr int kM = kBlockM, kN = kBlockN, kVec = kPack<T>, kDepth = kGatherChunks * kVec;
  static constexpr int kTileA = kBlockM * kGatherChunks, kTileB = kBlockN * kGatherChunks;
  static constexpr bool kColumns = false;
  struct Shared {
    T* places[kBlockM];     // of the points' rows in the output: of the first column; null beyond the last point
    Point points[kBlockM];  // and in the source
  };

  const GatherProduct<T>& p;
  Shared& shared;
  Axis axis_h, axis_w;
  int group, column;  // the first
  int tap_columns, run, padded, line;
  int steps = 0;  // of the reduction
  bool empty;     // no points
  const T* weight;
  Tap tap{}, own{};

  __device__ GatherBlock(const GatherProduct<T>& product, Shared& memory) : p(product), shared(memory) {
    unsigned block = blockIdx.x;
    column = int(block % unsigned(p.tiles_n)) * kBlockN;
    block /= unsigned(p.tiles_n);
    const int first = int(block % unsigned(p.tiles_m)) * kBlockM;
    block /= unsigned(p.tiles_m);
    group = int(block % unsigned(p.groups));
    const int cls = int(block / unsigned(p.groups));

    axis_h = p.backward ? p.line_h.backward(cls / p.classes_w) : p.line_h.forward();
    axis_w = p.backward ? p.line_w.backward(cls % p.classes_w) : p.line_w.forward();
    const int grid = axis_h.points * axis_w.points, count = grid * p.images;
    empty = first >= count;
    if (empty) return;
    tap_columns = p.folded ? (axis_w.taps ? 1 : 0) : axis_w.taps;
    run = p.folded ? axis_w.taps * p.pitch : p.channels;
    padded = std::max(ceil_div(run, kVec), 1) * kVec;
    steps = ceil_div(axis_h.taps * tap_columns * padded, kDepth);
    line = p.w * p.pitch;

    for (int row = threadIdx.x; row < kBlockM; row += kProductThreads) {
      const int point = first + row, n = point / grid, rest = point % grid;
      const int i = rest / axis_w.points, j = rest % axis_w.points;
      const int out_i = i * axis_h.out_step + axis_h.out_first, out_j = j * axis_w.out_step + axis_w.out_first;
      const int read_i = i * axis_h.stride + axis_h.start;
      const int read_j = (j * axis_w.stride + axis_w.start) * p.pitch + group * p.channels;
      const bool inside = point < count;
      shared.points[row] = {p.source + (inside ? (int64_t(n) * p.h + read_i) * line + read_j : 0),
                            inside ? read_i : kNowhere, read_j};
      shared.places[row] = inside
                               ? p.out + ((int64_t(n) * p.out_h + out_i) * p.out_w + out_j) * (p.groups * p.columns) +
                                     group * p.columns + column
                               : nullptr;
    }
    weight = p.weight + (int64_t(group) * p.columns + column + threadIdx.x / kGatherChunks) * p.weight_ld +
             axis_h.tap_first * p.weight_row + axis_w.tap_first * p.weight_column;
    tap.advance(int(threadIdx.x) % kGatherChunks * kVec, tap_columns, padded);
    own.advance(int(threadIdx.x) % kWarp * (4 / int(sizeof(T))), tap_columns, padded);
    block_barrier();
  }

  __device__ void find(int) {}  // the taps move on with load()

  // Starts the copies of the next step, step by step: patches to a, weight to b, in swizzled rows.
  __device__ void load(int, uint4* a, uint4* b) {
    constexpr int kApart = kProductThreads / kGatherChunks;  // rows
    const int chunk = threadIdx.x % kGatherChunks, row0 = threadIdx.x / kGatherChunks, lane = threadIdx.x % kWarp;
    const Tap& read = kPacks ? tap : own;
    const bool taken = read.row < axis_h.taps;
    const int down = read.row * axis_h.step, right = read.column * axis_w.step * p.pitch + read.element;
    const int ahead = down * line + right;
    if constexpr (kPacks) {
#pragma unroll
      for (int i = 0; i < kBlockM / kApart; ++i) {
        const Point point = shared.points[row0 + i * kApart];
        const bool inside =
            taken && unsigned(point.row + down) < unsigned(p.h) && unsigned(point.element + right) < unsigned(line);
        copy_async<16>(a + swizzled<kGatherChunks>(row0 + i * kApart, chunk),
                       static_cast<const T*>(point.first) + ahead, inside ? 16 : 0);
      }
    } else {
#pragma unroll 4
      for (int r = threadIdx.x / kWarp; r < kBlockM; r += kProductThreads / kWarp) {
        const Point point = shared.points[r];
        const T* from = static_cast<const T*>(point.first) + ahead;
        const bool inside = taken && unsigned(point.row + down) < unsigned(p.h);
        copy_word(a + swizzled<kGatherChunks>(r, lane / 4), lane % 4, from, [&](int e) {
          return inside && own.element + e < run && unsigned(point.element + right + e) < unsigned(line);
        });
      }
      own.advance(kDepth, tap_columns, padded);
    }
    const T* at = weight + tap.row * p.weight_row + tap.column * p.weight_column + tap.element;
#pragma unroll
    for (int i = 0; i < kBlockN / kApart; ++i) {
      const bool inside = tap.row < axis_h.taps && column + row0 + i * kApart < p.columns;
      copy_async<16>(b + swizzled<kGatherChunks>(row0 + i * kApart, chunk), at + int64_t(i) * kApart * p.weight_ld,
                     inside ? 16 : 0);
    }
    tap.advance(kDepth, tap_columns, padded);
  }

  // Writes sums that a warp staged: rows from `row` on, columns from `first` on.
  template <int kM, int kN, int kStagePitch>
  __device__ void write(const float* staged, int row, int first) const {
    const int columns = p.columns - column - first;
    if (columns <= 0) return;
    const float* bias = p.bias ? p.bias + group * p.columns + column + first : nullptr;
    write_staged<kM, kN, kStagePitch, T>(
        staged, p.packs_out, columns, bias, p.least,
        [&](int r) {
          T* place = shared.places[row + r];
          return place ? place + first : place;
        },
        [](int at) { return at; });
  }
};

// The grid of a product for blocks of kBlockM x kBlockN, which are numbered column first.
template <int kBlockM, int kBlockN, class T>
unsigned gather_blocks(GatherProduct<T>& p) {
  p.tiles_m = ceil_div(p.points, kBlockM);
  p.tiles_n = ceil_div(p.columns, kBlockN);
  const int64_t blocks = int64_t(p.tiles_m) * p.tiles_n * p.groups * p.classes;
  if (blocks > std::numeric_limits<int>::max()) throw std::runtime_error("conv2d: more tiles than a launch can have");
  return unsigned(blocks);
}

// On Hopper's own instructions, where they take the product (conv_data_hopper.cu): whether they did.
bool gather_on_hopper(Cuda& ctx, GatherProduct<bf16> p);

}  // namespace fovea::kernels::conv
