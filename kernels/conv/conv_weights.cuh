#pragma once

// Private to kernels/conv_weights*.cu: the implicit matrix product that gives the gradient of a convolution's weight,
// and how a block of threads copies its operands.
#include <fovea/kernels/conv/conv_cuda.cuh>
#include <fovea/kernels/conv/conv_pipeline.cuh>

namespace fovea::kernels::conv {

// out[part][k, tap, c] = sum over the part's points of dy[point, k] x(point, tap, c), for each group.
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

// What one block multiplies: kBlockM channels of dy and kBlockN columns of patches, 32 or 64 points at a time, in
// order. Both tiles have a row for each point, in panels (in_panels). Where a point's patch begins is worked out once
// for each point, a step ahead. kPacks: 16 bytes at once, a thread's columns stay the same. Otherwise element by
// element, a warp reading neighbours of one row.
template <class T, int kBlockM, int kBlockN, bool kPacks>
struct WeightBlock {
  static constexpr int kM = kBlockM, kN = kBlockN, kDepth = 128 / sizeof(T), kPoints = kDepth;
  static constexpr bool kColumns = true;
  static constexpr int kVec = kPack<T>, kEach = 4 / sizeof(T), kAChunks = kBlockM / kVec, kBChunks = kBlockN / kVec;
  static constexpr int kTileA = kPoints * kAChunks, kTileB = kPoints * kBChunks;  // in chunks
  struct Shared {
    Point points[2][kPoints];
  };

  const WeightProduct<T>& p;
  Shared& shared;
  int row, column;  // the first of the block
  int group, part, steps, first_step, line, k;
  bool taken;  // this thread's columns exist
  int down, right, ahead;
  const T* dy;

  __device__ WeightBlock(const WeightProduct<T>& product, Shared& memory) : p(product), shared(memory) {
    unsigned block = blockIdx.x;
    column = int(block % unsigned(p.tiles_n)) * kBlockN;
    block /= unsigned(p.tiles_n);
    row = int(block % unsigned(p.tiles_m)) * kBlockM;
    block /= unsigned(p.tiles_m);
    group = int(block % unsigned(p.groups));
    part = int(block / unsigned(p.groups));
    first_step = part * p.steps_per_part;
    steps = std::min(p.steps_per_part, ceil_div(p.points, kPoints) - first_step);
    line = p.w * p.pitch;
    k = p.groups * p.rows;
    dy = p.dy + int64_t(first_step) * kPoints * k + group * p.rows + row;

    const int mine = column + int(threadIdx.x) % kBChunks * kVec;
    taken = mine < p.columns;
    Tap tap;
    if constexpr (kPacks) tap.advance(mine, p.tap_columns, p.padded);
    down = tap.row * p.axis_h.step;
    right = tap.column * p.axis_w.step * p.pitch + tap.element;
    ahead = down * line + right;
    find(0);
    block_barrier();
  }

  // Works out the points of a step; before a barrier and load(step).
  __device__ void find(int step) {
    if (threadIdx.x >= kPoints) return;
    const int point = (first_step + step) * kPoints + int(threadIdx.x);
    const int n = point / p.grid, rest = point % p.grid;
    const int i = rest / p.axis_w.points * p.axis_h.stride + p.axis_h.start;
    const int j = (rest % p.axis_w.points * p.axis_w.stride + p.axis_w.start) * p.pitch + group * p.channels;
    shared.points[step % 2][threadIdx.x] =
        point < p.points ? Point{p.x + (int64_t(n) * p.h + i) * line + j, i, j} : Point{p.x, kNowhere, 0};
  }

  // Starts the copies of a step: channels of dy to a, patches to b.
  __device__ void load(int step, uint4* a, uint4* b) {
    const T* from = dy + int64_t(step) * kPoints * k;
    const int left = p.points - (first_step + step) * kPoints, rows = p.rows - row, lane = threadIdx.x % kWarp;
    const Point* points = shared.points[step % 2];
    if (kPacks || p.packs_dy) {
      const int chunk = int(threadIdx.x) % kAChunks;
#pragma unroll
      for (int i = 0; i < kPoints; i += kProductThreads / kAChunks) {
        const int at = i + int(threadIdx.x) / kAChunks;
        const bool inside = at < left && chunk * kVec < rows;
        copy_async<16>(a + in_panels<kPoints>(at, chunk), from + at * k + chunk * kVec, inside ? 16 : 0);
      }
    } else {
#pragma unroll
      for (int chunk = 0; chunk < kAChunks; chunk += kWarp / 4)
#pragma unroll 1
        for (int at = threadIdx.x / kWarp; at < kPoints; at += kProductThreads / kWarp) {
          const int element = (chunk + lane / 4) * kVec + lane % 4 * kEach;
          copy_word(a + in_panels<kPoints>(at, chunk + lane / 4), lane % 4, from + at * k + element,
                    [&](int e) { return at < left && element + e < rows; });
        }
    }
    if constexpr (kPacks) {
      const int chunk = int(threadIdx.x) % kBChunks;
#pragma unroll
      for (int i = 0; i < kPoints; i += kProductThreads / kBChunks) {
        const int at = i + int(threadIdx.x) / kBChunks;
        const Point point = points[at];
        const bool inside =
            taken && unsigned(point.row + down) < unsigned(p.h) && unsigned(point.element + right) < unsigned(line);
        copy_async<16>(b + in_panels<kPoints>(at, chunk), static_cast<const T*>(point.first) + ahead, inside ? 16 : 0);
      }
    } else {
#pragma unroll 1
      for (int chunk = lane / 4; chunk < kBChunks; chunk += kWarp / 4) {
        const int mine = column + chunk * kVec + lane % 4 * kEach;
        Tap tap;
        tap.advance(mine, p.tap_columns, p.padded);
        const int below = tap.row * p.axis_h.step;
        const int beside = tap.column * p.axis_w.step * p.pitch + tap.element;
#pragma unroll 4
        for (int at = threadIdx.x / kWarp; at < kPoints; at += kProductThreads / kWarp) {
          const Point point = points[at];
          const bool inside = mine < p.columns && unsigned(point.row + below) < unsigned(p.h);
          copy_word(b + in_panels<kPoints>(at, chunk), lane % 4,
                    static_cast<const T*>(point.first) + below * line + beside, [&](int e) {
                      return inside && tap.element + e < p.run && unsigned(point.element + beside + e) < unsigned(line);
                    });
        }
      }
    }
  }

  // Writes sums that a warp staged: rows from `first_row` on, columns from `first_column` on.
  template <int kM, int kN, int kStagePitch>
  __device__ void write(const float* staged, int first_row, int first_column) const {
    const int first = column + first_column;
    if (first >= p.columns) return;
    const int row_length = p.columns / p.padded * p.run;  // of the gradient: without padding
    float* out = p.out + part * p.part_size + int64_t(group) * p.rows * row_length;
    write_staged<kM, kN, kStagePitch, float>(
        staged, p.packs_out, p.columns - first, nullptr, least(Epilogue::none),
        [&](int r) {
          r += row + first_row;
          return r < p.rows ? out + int64_t(r) * row_length : nullptr;
        },
        [&](int at) {
          at += first;
          if constexpr (kPacks) return at;
          const int element = at % p.padded;
          return element < p.run ? at / p.padded * p.run + element : -1;
        });
  }
};

// On Hopper's own instructions (conv_weights_hopper.cu): whether this device and this build have them. Then the product
// in tiles of 128 x 128 runs by weights_on_hopper.
bool hopper_takes_weights(const Cuda& ctx);
void weights_on_hopper(Cuda& ctx, const WeightProduct<bf16>& p, unsigned blocks);

}  // namespace fovea::kernels::conv
