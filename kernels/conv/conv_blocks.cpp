#include <fovea/kernels/conv/conv_blocks.h>

#include <omp.h>

#include <algorithm>

#include <fovea/kernels/base/matmul_tile_isa.h>
#include <fovea/kernels/conv/conv_patches.h>
#include <fovea/kernels/scratch.h>

namespace fovea::kernels::blocks {
namespace {

constexpr int64_t kRows = 96;    // of a block
constexpr int64_t kDepth = 128;  // columns multiplied at a time: a panel of weights stays in the first-level cache
constexpr int64_t kPad = 16;     // between the rows of a block, which would else fall into the same sets of the caches

int64_t ceil_div(int64_t n, int64_t unit) {
  return (n + unit - 1) / unit;
}

// A right operand, packed once for all threads: runs of rows, one after another. Row i of a run starts `step` floats
// after row i - 1, and its n elements are `column` floats apart.
template <Isa I>
class Weights {
 public:
  struct Run {
    const float* from;
    int64_t rows;
  };
  Weights(Scratch& scratch, int64_t n, const std::vector<Run>& runs, int64_t step, int64_t column) : n_(n) {
    int64_t width = Tile<I, float>::panels(n) * Tile<I, float>::kCols, rows = 0;
    for (const Run& run : runs)
      for (int64_t i = 0; i < run.rows; i += kDepth) {
        int64_t depth = std::min(kDepth, run.rows - i);
        pieces_.push_back({rows, depth, run.from + i * step});
        rows += depth;
      }
    float* panels = scratch.take<float>(size_t(rows * width));
#pragma omp parallel for num_threads(threads()) if (rows * n > kParallelGrain)
    for (size_t i = 0; i < pieces_.size(); ++i) {
      Piece& piece = pieces_[i];
      float* packed_piece = panels + piece.first * width;
      pack_panels<I, float>(piece.depth, n, piece.from, step, column, 1, packed_piece);
      piece.from = packed_piece;
    }
  }

  // c[rows, n] = matrix [rows, all rows of this] times this.
  void multiply(int64_t rows, const float* matrix, int64_t row_step, float* c) const {
    if (pieces_.empty()) std::fill_n(c, rows * n_, 0.0f);
    for (const Piece& piece : pieces_)
      tile_gemm<I, float>(rows, n_, piece.depth, {matrix + piece.first, row_step, 1},
                          packed<I>(piece.from, piece.depth), c, n_, piece.first > 0);
  }

 private:
  struct Piece {
    int64_t first, depth;
    const float* from;
  };
  int64_t n_;
  std::vector<Piece> pieces_;
};

// Calls f(first, count, rows [first, first + count) of p's matrix, their distance, `extra` floats of scratch) for all
// blocks, on all threads.
template <class F>
void for_each_block(const Patches& p, const float* images, int64_t extra, const F& f) {
  int64_t step = p.plain() ? p.c : p.columns() + kPad, size = (p.plain() ? 0 : kRows * step) + extra;
  int64_t team = p.rows() * p.columns() > kParallelGrain ? threads() : 1;
  Scratch scratch;
  float* all = scratch.take<float>(size_t(size * team));
#pragma omp parallel for schedule(dynamic) num_threads(team) if (team > 1)
  for (int64_t first = 0; first < p.rows(); first += kRows) {
    int64_t count = std::min(kRows, p.rows() - first);
    float* mine = all + omp_get_thread_num() * size;
    if (p.plain()) {
      f(first, count, images + first * p.c, step, mine);
    } else {
      gather(p, images, first, count, mine, step);
      f(first, count, static_cast<const float*>(mine), step, mine + kRows * step);
    }
  }
}

}  // namespace

bool pays(const Conv2dShape& s) {
  return s.groups == 1 && s.c >= 256 && s.out_h() * s.out_w() <= 16;
}

bool pays_backward_weights(const Conv2dShape& s) {
  return s.groups == 1 && s.c >= 16;
}

void forward(const Conv2dShape& s, const float* x, const float* weight, const float* bias, Epilogue epilogue,
             float* y) {
  with_isa([&]<Isa I>() {
    Patches p = read_by_outputs(s);
    Scratch scratch;
    Weights<I> weights(scratch, s.k, {{weight, p.columns()}}, 1, p.columns());
    for_each_block(p, x, 0, [&](int64_t first, int64_t count, const float* rows, int64_t step, float*) {
      weights.multiply(count, rows, step, y + first * s.k);
      finish_rows<I, float>(count, s.k, bias, epilogue, y + first * s.k, s.k);
    });
  });
}

void backward_data(const Conv2dShape& s, const float* dy, const float* weight, float* dx) {
  bool strided = s.stride_h > 1 || s.stride_w > 1;
  with_isa([&]<Isa I>() {
    for_each_class(s, [&](const Patches& p, const std::vector<int64_t>& taps, int64_t a, int64_t b) {
      Scratch scratch;
      std::vector<typename Weights<I>::Run> runs;
      for (int64_t tap : taps) runs.push_back({weight + tap * s.c, s.k});
      Weights<I> weights(scratch, s.c, runs, s.kh * s.kw * s.c, 1);
      for_each_block(p, dy, kRows * s.c,
                     [&](int64_t first, int64_t count, const float* rows, int64_t step, float* out) {
                       float* to = strided ? out : dx + first * s.c;
                       weights.multiply(count, rows, step, to);
                       if (strided) scatter(s, p, a, b, first, count, to, dx);
                     });
    });
  });
}

// The sums are cut into groups of taps that stay in the second-level cache and into partial sums over equal shares of
// the blocks, so many that every thread has one. Each is worked on in one order, and the partial sums added in order.
void backward_weights(const Conv2dShape& s, const float* x, const float* dy, float* dweight) {
  constexpr int64_t kResident = 640 << 10;  // bytes of a group's sums
  const Patches all_taps = read_by_outputs(s);
  int64_t columns = all_taps.columns(), taps = s.kh * s.kw, size = s.k * columns;
  int64_t fitting = kResident / (s.k * s.c * int64_t(sizeof(float)));
  int64_t groups = ceil_div(taps, std::clamp<int64_t>(fitting, 1, taps)), group_taps = ceil_div(taps, groups);
  int64_t blocks = ceil_div(all_taps.rows(), kRows);
  int64_t partials = std::min(blocks, ceil_div(std::max(threads(), 8), groups));
  int64_t step = group_taps * s.c + kPad, k_step = s.k + kPad, per_thread = kRows * (step + k_step);
  Scratch scratch;
  float* sums = scratch.take<float>(size_t(size * partials));
  float* all = scratch.take<float>(size_t(per_thread * threads()));
  with_isa([&]<Isa I>() {
#pragma omp parallel for schedule(dynamic) collapse(2) num_threads(threads())
    for (int64_t group = 0; group < groups; ++group)
      for (int64_t i = 0; i < partials; ++i) {
        float* rows = all + omp_get_thread_num() * per_thread;
        float* gradients = rows + kRows * step;
        int64_t tap = group * group_taps, begin = blocks * i / partials;
        Patches p = all_taps;
        p.offsets.clear();
        for (int64_t t = tap; t < std::min(taps, tap + group_taps); ++t)
          p.add(all_taps.offsets[size_t(t)].h, all_taps.offsets[size_t(t)].w);
        for (int64_t block = begin; block < blocks * (i + 1) / partials; ++block) {
          int64_t first = block * kRows, count = std::min(kRows, p.rows() - first);
          gather(p, x, first, count, rows, step);
          for (int64_t row = 0; row < count; ++row)
            std::copy_n(dy + (first + row) * s.k, s.k, gradients + row * k_step);
          tile_gemm<I, float>(s.k, p.columns(), count, {gradients, 1, k_step}, {rows, step, Tile<I, float>::kCols},
                              sums + i * size + tap * s.c, columns, block > begin);
        }
      }
  });
#pragma omp parallel for num_threads(threads()) if (size > kParallelGrain)
  for (int64_t j = 0; j < size; ++j) {
    float sum = sums[j];
    for (int64_t i = 1; i < partials; ++i) sum += sums[i * size + j];
    dweight[j] = sum;
  }
}

}  // namespace fovea::kernels::blocks
