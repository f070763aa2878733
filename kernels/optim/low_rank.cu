// Low-rank adapters: V = W + scale B A for W [rows, cols], LoRA's and DoRA's, forward and backward.
//
//   merge      out = after (before W + scale B A)                                    reads W, writes out
//   DoRA       the same with after = magnitude / |V|, in one pass over W             reads W, writes out
//   backward   g A^T, g . W and B^T g from one tile of g                             reads g and W
//
// A block has a slab of columns, and the slab of A in shared memory, and goes down the rows: A is read once for many
// rows. A lane holds one pack of columns (16 bytes) of a few rows of V in registers, and for every rank adds a column
// of B, which all lanes share, times its columns of A. The next rows of W are on their way meanwhile.
//
// DoRA needs the norm of a row before it can write the row, whose slabs are in several blocks. From capability 9.0 on
// these are a cluster, whose blocks send each other their sums of squares: W is read once. Elsewhere one launch makes
// the sums and another, as for LoRA, the result.
//
// The backward pass keeps the columns' products, B^T g, in registers on its way down the rows, and reduces the rows'
// products over the lanes with 31 exchanges for 32 of them. What blocks have in common is added up in a fixed order.
#include <fovea/kernels/device_scratch.h>
#include <fovea/kernels/low_rank.h>
#include <fovea/kernels/base/norm_columns.cuh>

namespace fovea::kernels {

namespace {

constexpr int kMergeThreads = 512, kMergeWarps = kMergeThreads / kWarp;  // one block a multiprocessor
constexpr int kThreads = 256, kWarps = kThreads / kWarp;
constexpr int kMaxCluster = 8;
constexpr int kRanks = 16;     // of the backward pass at a time
constexpr int64_t kTurns = 8;  // of a block there at least, where there are as many: its columns' sums are written once
constexpr int kGradientRows = 4;  // a warp's at a time there

// Rows and columns of a lane's tile: 32 numbers of V.
template <class T>
constexpr int kTileRows = 32 / kPack<T>;

__host__ __device__ constexpr int padded(int64_t rank) {
  return int(ceil_div<int64_t>(rank, 4) * 4);
}

struct Shape {
  int64_t rows, cols, rank;
  float scale;
};
template <class T>
Shape shape_of(const LowRank<T>& adapter) {
  return {adapter.rows, adapter.cols, adapter.rank, float(adapter.scale)};
}

// Where a warp of merge_kernel works: its columns among `across` warps side by side, `ranks` (a multiple of 4) at once.
struct Layout {
  int across;  // each with kWarp packs of columns
  int ranks = 0;
  __device__ int side() const { return int(threadIdx.x) / kWarp % across; }
  __device__ int below() const { return int(threadIdx.x) / kWarp / across; }
  __host__ __device__ int down() const { return kMergeWarps / across; }
};

// A slab of A in shared memory, [padded rank][across][N / 4][lane][4]: a lane's columns lie in groups of four, so that
// the lanes of a warp read neighbouring 16 bytes.
template <int N>
__device__ void load_slab(const Shape& s, const float* a, int64_t first_rank, int ranks, int64_t first_col, int across,
                          float* slab) {
  const int width = across * kWarp * N;
  for (int i = threadIdx.x; i < ranks * width; i += blockDim.x) {
    const int j = i / width, c = i % width, within = c % (kWarp * N);
    const int64_t rank = first_rank + j, col = first_col + c;
    const int place = (c - within) + within % N / 4 * (kWarp * 4) + within / N * 4 + within % 4;
    slab[j * width + place] = rank < s.rank && col < s.cols ? a[rank * s.cols + col] : 0;
  }
}

// The packs of a row from `col` on, 0 outside.
template <bool Packs, int N, class T>
__device__ Pack<T, N> load_row(const Shape& s, const T* x, int64_t row, int64_t col) {
  Pack<T, N> out;
  if constexpr (Packs) {
    if (row < s.rows && col < s.cols) return load_pack<N>(x + row * s.cols + col);
  }
#pragma unroll
  for (int j = 0; j < N; ++j)
    out[j] = !Packs && row < s.rows && col + j < s.cols ? x[row * s.cols + col + j] : from_float<T>(0);
  return out;
}
template <bool Packs, int N, class T>
__device__ void store_row(const Shape& s, T* x, int64_t row, int64_t col, const Pack<T, N>& values) {
  if (row >= s.rows) return;
  if constexpr (Packs) {
    if (col < s.cols) store_pack(x + row * s.cols + col, values);
  } else {
#pragma unroll
    for (int j = 0; j < N; ++j)
      if (col + j < s.cols) x[row * s.cols + col + j] = values[j];
  }
}

// Sums of Count values each over the lanes of a warp, Count - 1 exchanges and a few more: lane i has that of value
// i / (32 / Count).
template <int Count>
__device__ float warp_sums(float (&v)[Count]) {
  int offset = kWarp / 2;
#pragma unroll
  for (int n = Count; n > 1; n /= 2, offset /= 2) {
    const bool upper = threadIdx.x & offset;
#pragma unroll
    for (int i = 0; i < n / 2; ++i) {
      const float sent = upper ? v[i] : v[i + n / 2], kept = upper ? v[i + n / 2] : v[i];
      v[i] = kept + __shfl_xor_sync(kAllLanes, sent, offset);
    }
  }
  for (; offset > 0; offset /= 2) v[0] += __shfl_xor_sync(kAllLanes, v[0], offset);
  return v[0];
}

// The blocks of a cluster, each in its place in the row. Without clusters there is one.
__device__ void cluster_barrier() {
  __syncwarp();
#if __CUDA_ARCH__ >= 900
  asm volatile("barrier.cluster.arrive.aligned;\nbarrier.cluster.wait.aligned;" ::: "memory");
#endif
}
__device__ void cluster_store(float* shared, unsigned block, float value) {
#if __CUDA_ARCH__ >= 900
  const unsigned here = unsigned(__cvta_generic_to_shared(shared));
  asm volatile(
      "{ .reg .u32 there;\n mapa.shared::cluster.u32 there, %0, %1;\n st.shared::cluster.f32 [there], %2; }" ::"r"(
          here),
      "r"(block), "f"(value)
      : "memory");
#endif
}

enum class Rows { scaled, squares, normalized };

// What the rows are multiplied with, before and after B A is added: null is 1. Rows::squares writes the slabs' sums of
// squares [slabs, rows] to `sums` and nothing else; Rows::normalized makes `norm` and multiplies with after / norm.
struct RowNumbers {
  const float *before, *after;
  float *sums, *norm;
};

// v += B A over `ranks` ranks: b the rows of scale B one after the other, a the lane's columns of A, `width` apart.
template <int kRows, int N>
__device__ void add_product(float (&v)[kRows][N], const float* b, const float* a, int ranks, int width) {
  constexpr int kStep = 16 / kRows;  // ranks whose B is loaded at once
  for (int j = 0; j < ranks; j += kStep) {
    Pack<float, kStep> coefficients[kRows];
#pragma unroll
    for (int i = 0; i < kRows; ++i) coefficients[i] = load_pack<kStep>(b + i * ranks + j);
#pragma unroll
    for (int q = 0; q < kStep; ++q) {
#pragma unroll
      for (int part = 0; part < N / 4; ++part) {
        const Pack<float, 4> columns_of_a = load_pack<4>(a + (j + q) * width + part * kWarp * 4);
#pragma unroll
        for (int i = 0; i < kRows; ++i) {
#pragma unroll
          for (int k = 0; k < 4; ++k) v[i][part * 4 + k] += coefficients[i][q] * columns_of_a[k];
        }
      }
    }
  }
}

// The sum of squares of row threadIdx.x over the block's columns, for the threads that have a row. All threads call it.
template <int kRows, int N>
__device__ float sum_of_squares(const float (&v)[kRows][N], Layout layout, float* squares) {
  float sums[kRows];
#pragma unroll
  for (int i = 0; i < kRows; ++i) {
    sums[i] = 0;
#pragma unroll
    for (int k = 0; k < N; ++k) sums[i] += v[i][k] * v[i][k];
  }
  const int lane = threadIdx.x % kWarp;
  const float sum = warp_sums(sums);
  if (lane % (kWarp / kRows) == 0)
    squares[(layout.below() * kRows + lane / (kWarp / kRows)) * layout.across + layout.side()] = sum;
  block_barrier();
  float total = 0;
  if (int(threadIdx.x) < layout.down() * kRows)
    for (int i = 0; i < layout.across; ++i) total += squares[threadIdx.x * layout.across + i];
  return total;
}

// norm of the block's rows and their factors after / norm. A row's blocks send each other their sums of squares, `sum`
// of row threadIdx.x, into `parts` [block][row].
__device__ void norms_and_factors(const Shape& s, const RowNumbers& numbers, int64_t first, int rows, float sum,
                                  float* parts, float* factors) {
  const unsigned slabs = gridDim.x;
  const int64_t row = first + threadIdx.x;
  const bool own = int(threadIdx.x) < rows;
  if (own && slabs == 1) parts[threadIdx.x] = sum;
  if (own && slabs > 1)
    for (unsigned block = 0; block < slabs; ++block) cluster_store(parts + blockIdx.x * rows + threadIdx.x, block, sum);
  if (slabs > 1) cluster_barrier();
  if (own) {
    float total = 0;
    for (unsigned i = 0; i < slabs; ++i) total += parts[i * rows + threadIdx.x];
    const float norm = sqrtf(total);
    factors[threadIdx.x] = row < s.rows ? numbers.after[row] / norm : 0;
    if (row < s.rows && blockIdx.x == 0) numbers.norm[row] = norm;
  }
  block_barrier();
}

template <class T, bool Packs, Rows R>
__global__ void __launch_bounds__(kMergeThreads)
    merge_kernel(Shape s, Layout layout, const float* a, const float* b, RowNumbers numbers, const T* from, T* to) {
  constexpr int N = kPack<T>, kRows = kTileRows<T>;
  extern __shared__ float4 memory[];
  const int ranks = layout.ranks, width = layout.across * kWarp * N, rows_at_once = layout.down() * kRows;
  float* slab = reinterpret_cast<float*>(memory);
  float* columns = slab + ranks * width;                  // scale B of the rows, twice
  float* squares = columns + 2 * rows_at_once * ranks;    // [down * kRows][across]
  float* parts = squares + rows_at_once * layout.across;  // [2][blocks of the row][down * kRows]
  float* factors = parts + 2 * kMaxCluster * rows_at_once;
  const int lane = threadIdx.x % kWarp, below = layout.below();
  const int64_t first_col = int64_t(blockIdx.x) * width, col = first_col + (layout.side() * kWarp + lane) * N;
  const float* own = slab + layout.side() * kWarp * N + lane * 4;
  const bool all_ranks = ranks >= s.rank;
  if (all_ranks) load_slab<N>(s, a, 0, ranks, first_col, layout.across, slab);

  Pack<T, N> next[kRows];
  auto load = [&](int64_t first) {
#pragma unroll
    for (int i = 0; i < kRows; ++i) next[i] = load_row<Packs, N>(s, from, first + below * kRows + i, col);
  };
  if constexpr (Packs) load(int64_t(blockIdx.y) * rows_at_once);
  int turn = 0;
  for (int64_t first = int64_t(blockIdx.y) * rows_at_once; first < s.rows;
       first += int64_t(gridDim.y) * rows_at_once, turn ^= 1) {
    if constexpr (!Packs) load(first);
    float v[kRows][N];
#pragma unroll
    for (int i = 0; i < kRows; ++i) {
      const int64_t row = first + below * kRows + i;
      const float before = numbers.before && row < s.rows ? numbers.before[row] : 1;
#pragma unroll
      for (int k = 0; k < N; ++k) v[i][k] = before * to_float(next[i][k]);
    }
    if constexpr (Packs) load(first + int64_t(gridDim.y) * rows_at_once);
    float* tile = columns + turn * rows_at_once * ranks;
    for (int64_t first_rank = 0; first_rank < s.rank; first_rank += ranks) {
      if (!all_ranks) {
        block_barrier();
        load_slab<N>(s, a, first_rank, ranks, first_col, layout.across, slab);
      }
      for (int i = threadIdx.x; i < rows_at_once * ranks; i += kMergeThreads) {
        const int64_t row = first + i / ranks, rank = first_rank + i % ranks;
        tile[i] = row < s.rows && rank < s.rank ? s.scale * b[row * s.rank + rank] : 0;
      }
      block_barrier();
      add_product(v, tile + below * kRows * ranks, own, ranks, width);
    }
    if constexpr (R == Rows::squares) {
      const float sum = sum_of_squares(v, layout, squares);
      if (int(threadIdx.x) < rows_at_once && first + threadIdx.x < s.rows)
        numbers.sums[blockIdx.x * s.rows + first + threadIdx.x] = sum;
    } else {
      if constexpr (R == Rows::normalized)
        norms_and_factors(s, numbers, first, rows_at_once, sum_of_squares(v, layout, squares),
                          parts + turn * kMaxCluster * rows_at_once, factors);
#pragma unroll
      for (int i = 0; i < kRows; ++i) {
        const int64_t row = first + below * kRows + i;
        float after = 1;
        if constexpr (R == Rows::normalized)
          after = factors[below * kRows + i];
        else if (numbers.after && row < s.rows)
          after = numbers.after[row];
        Pack<T, N> out;
#pragma unroll
        for (int k = 0; k < N; ++k) out[k] = from_float<T>(v[i][k] * after);
        store_row<Packs, N>(s, to, row, col, out);
      }
    }
  }
}

// norm[r] = sqrt(sum of the slabs' squares), factor = magnitude / norm.
__global__ void norms_kernel(int64_t rows, unsigned slabs, const float* sums, const float* magnitude, float* norm,
                             float* factor) {
  const int64_t r = int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
  if (r >= rows) return;
  float total = 0;
  for (unsigned i = 0; i < slabs; ++i) total += sums[i * rows + r];
  norm[r] = sqrtf(total);
  factor[r] = magnitude[r] / norm[r];
}
__global__ void ratios_kernel(int64_t rows, const float* numerator, const float* denominator, float* out) {
  const int64_t r = int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
  if (r < rows) out[r] = numerator[r] / denominator[r];
}

// Partial sums of the backward pass: g A^T [slabs, rows, rank], g . W [slabs, rows] and (f B)^T g [splits, rank, cols].
struct Partials {
  float *products, *dots, *columns;
};

// What kHalf rows of g, four columns a lane, have to do with a slab of A and B: their products with the rows of A,
// `width` apart, that of row lane / kRanks and rank lane % kRanks, and sums += B^T g.
template <int kHalf, int kWidth, class T>
__device__ float products_with(const Pack<T, 4>* g, const float* a, const float (*b)[kRanks],
                               float (&sums)[kRanks][4]) {
  float products[kWarp];
#pragma unroll
  for (int j = 0; j < kRanks; ++j) {
    const Pack<float, 4> columns_of_a = load_pack<4>(a + j * kWidth);
#pragma unroll
    for (int i = 0; i < kHalf; ++i) {
      const float coefficient = b[i][j];
      float product = 0;
#pragma unroll
      for (int k = 0; k < 4; ++k) {
        const float value = to_float(g[i][k]);
        product += value * columns_of_a[k];
        sums[j][k] += coefficient * value;
      }
      products[i * kRanks + j] = product;
    }
  }
  return warp_sums(products);
}

// Adds up the sums of two warps below each other and writes them to `out` [rank, cols]. The lower one hands over its
// own in the slab's memory, the lane's columns at `own`. All threads call it.
template <bool Packs, int kWidth>
__device__ void store_columns(const Shape& s, const float (&sums)[kRanks][4], bool lower, float* own,
                              int64_t first_rank, int64_t col, float* out) {
  block_barrier();
#pragma unroll
  for (int j = 0; j < kRanks; ++j)
    if (lower) store_pack(own + j * kWidth, Pack<float, 4>{sums[j][0], sums[j][1], sums[j][2], sums[j][3]});
  block_barrier();
  if (lower) return;
#pragma unroll
  for (int j = 0; j < kRanks; ++j) {
    if (first_rank + j >= s.rank) break;
    Pack<float, 4> total = load_pack<4>(own + j * kWidth);
#pragma unroll
    for (int k = 0; k < 4; ++k) total[k] += sums[j][k];
    store_row<Packs, 4>({kRanks, s.cols, 0, 0}, out + first_rank * s.cols, j, col, total);
  }
}

// Blocks (slab, split of the rows, 16 of the ranks). Each warp takes kGradientRows rows at a time, four columns a lane.
template <class T, bool Packs, bool Dots>
__global__ void __launch_bounds__(kThreads, 1)
    gradient_kernel(Shape s, const float* a, const float* b, const float* magnitude, const float* norm, const T* weight,
                    const T* g, Partials out) {
  constexpr int N = 4, kAcross = 4, kDown = kWarps / kAcross, kWidth = kAcross * kWarp * N;
  constexpr int kRowsAtOnce = kDown * kGradientRows, kHalf = 2;  // rows whose products are reduced together
  static_assert(kHalf * kRanks == kWarp);
  __shared__ alignas(16) float slab[kRanks * kWidth];
  __shared__ alignas(16) float columns[2][kRowsAtOnce][kRanks];
  __shared__ float products[2][kRowsAtOnce][kAcross][kRanks], dots[2][kRowsAtOnce][kAcross];
  const int lane = threadIdx.x % kWarp, side = threadIdx.x / kWarp % kAcross, below = threadIdx.x / kWarp / kAcross;
  const int64_t first_rank = int64_t(blockIdx.z) * kRanks;
  const int64_t first_col = int64_t(blockIdx.x) * kWidth, col = first_col + (side * kWarp + lane) * N;
  float* own = slab + side * kWarp * N + lane * 4;
  load_slab<N>(s, a, first_rank, kRanks, first_col, kAcross, slab);
  const bool with_dots = Dots && blockIdx.z == 0;

  float sums[kRanks][N] = {};  // (f B)^T g
  int turn = 0;
  for (int64_t first = int64_t(blockIdx.y) * kRowsAtOnce; first < s.rows;
       first += int64_t(gridDim.y) * kRowsAtOnce, turn ^= 1) {
    Pack<T, N> tile[kGradientRows], other[kGradientRows];
#pragma unroll
    for (int i = 0; i < kGradientRows; ++i) {
      const int64_t row = first + below * kGradientRows + i;
      tile[i] = load_row<Packs, N>(s, g, row, col);
      if (with_dots) other[i] = load_row<Packs, N>(s, weight, row, col);
    }
    if (threadIdx.x < kRowsAtOnce * kRanks) {
      const int64_t row = first + threadIdx.x / kRanks, rank = first_rank + threadIdx.x % kRanks;
      const bool inside = row < s.rows && rank < s.rank;
      const float f = inside && magnitude ? magnitude[row] / norm[row] : 1;
      columns[turn][threadIdx.x / kRanks][threadIdx.x % kRanks] = inside ? f * b[row * s.rank + rank] : 0;
    }
    block_barrier();
#pragma unroll
    for (int half = 0; half < kGradientRows; half += kHalf) {
      const int row = below * kGradientRows + half;
      const float product = products_with<kHalf, kWidth>(tile + half, own, columns[turn] + row, sums);
      products[turn][row + lane / kRanks][side][lane % kRanks] = product;
    }
    if (with_dots) {
      float of_rows[kGradientRows];
#pragma unroll
      for (int i = 0; i < kGradientRows; ++i) {
        of_rows[i] = 0;
#pragma unroll
        for (int k = 0; k < N; ++k) of_rows[i] += to_float(tile[i][k]) * to_float(other[i][k]);
      }
      const float dot = warp_sums(of_rows);
      if (lane % (kWarp / kGradientRows) == 0)
        dots[turn][below * kGradientRows + lane / (kWarp / kGradientRows)][side] = dot;
    }
    block_barrier();
    if (threadIdx.x < kRowsAtOnce * kRanks) {
      const int i = threadIdx.x / kRanks, j = threadIdx.x % kRanks;
      const int64_t row = first + i, rank = first_rank + j;
      float product = 0, dot = 0;
#pragma unroll
      for (int k = 0; k < kAcross; ++k) product += products[turn][i][k][j];
      if (row < s.rows && rank < s.rank) out.products[(blockIdx.x * s.rows + row) * s.rank + rank] = product;
      if (with_dots && j == 0 && row < s.rows) {
#pragma unroll
        for (int k = 0; k < kAcross; ++k) dot += dots[turn][i][k];
        out.dots[blockIdx.x * s.rows + row] = dot;
      }
    }
  }
  static_assert(kDown == 2);
  store_columns<Packs, kWidth>(s, sums, below > 0, own, first_rank, col, out.columns + blockIdx.y * s.rank * s.cols);
}

// A warp for each row: db = scale f g A^T and dmagnitude = (g . W + scale B . g A^T) / norm.
__global__ void row_gradients_kernel(Shape s, unsigned slabs, const float* b, const float* magnitude, const float* norm,
                                     Partials partials, float* db, float* dmagnitude) {
  const int64_t row = int64_t(blockIdx.x) * blockDim.y + threadIdx.y;
  if (row >= s.rows) return;
  const float f = magnitude ? magnitude[row] / norm[row] : 1;
  double along = 0;
  for (int64_t j = threadIdx.x; j < s.rank; j += kWarp) {
    double product = 0;
    for (unsigned i = 0; i < slabs; ++i) product += double(partials.products[(i * s.rows + row) * s.rank + j]);
    db[row * s.rank + j] = s.scale * f * float(product);
    along += double(s.scale) * double(b[row * s.rank + j]) * product;
  }
  if (!magnitude) return;
  for (unsigned i = threadIdx.x; i < slabs; i += kWarp) along += double(partials.dots[i * s.rows + row]);
  along = warp_reduce(along);
  if (threadIdx.x == 0) dmagnitude[row] = float(along / double(norm[row]));
}

__global__ void column_gradients_kernel(int64_t count, unsigned splits, float scale, const float* columns, float* da) {
  const int64_t i = int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= count) return;
  float sum = 0;
#pragma unroll 4
  for (unsigned k = 0; k < splits; ++k) sum += columns[k * count + i];
  da[i] = scale * sum;
}

// How the columns are shared out, and how many ranks of A and B a block holds at a time: all, if they fit. A cluster
// holds whole rows if the device has clusters that large and all ranks fit.
struct Plan {
  Layout layout{1};
  unsigned slabs = 1;
  size_t shared = 0;
  bool whole_rows = false;

  template <class T>
  Plan(const LowRank<T>& adapter, int across, int ranks) : layout{across, ranks} {
    const size_t width = size_t(across * kWarp * kPack<T>), rows = size_t(layout.down() * kTileRows<T>);
    slabs = unsigned(ceil_div<int64_t>(adapter.cols, int64_t(width)));
    shared = sizeof(float) * (size_t(ranks) * (width + 2 * rows) + rows * size_t(across + 2 * kMaxCluster + 1));
  }
};

// Wide slabs read B less often, narrow ones A: up to four warps side by side where that leaves eight slabs.
template <class T>
Plan plan_of_slabs(const Cuda& ctx, const LowRank<T>& adapter) {
  for (int across : {4, 2, 1}) {
    const Plan plan(adapter, across, padded(adapter.rank));
    if (plan.shared <= ctx.shared_per_block && (plan.slabs >= 8 || across == 1)) return plan;
  }
  return Plan(adapter, 1, 32);
}
// The narrowest slabs, which read A least often, that make up whole rows in a block or a cluster; where there are none,
// those of plan_of_slabs().
template <class T>
Plan plan_of_rows(const Cuda& ctx, const LowRank<T>& adapter) {
  for (int across = 1; across <= kMergeWarps; across *= 2) {
    Plan plan(adapter, across, padded(adapter.rank));
    plan.whole_rows = plan.slabs <= (ctx.capability >= 90 ? kMaxCluster : 1u);
    if (plan.whole_rows && plan.shared <= ctx.shared_per_block) return plan;
  }
  return plan_of_slabs(ctx, adapter);
}

template <class T, Rows R>
void run_merge(Cuda& ctx, const LowRank<T>& adapter, const Plan& plan, const RowNumbers& numbers, const T* from,
               T* to) {
  const int rows_at_once = plan.layout.down() * kTileRows<T>;
  const int64_t turns = ceil_div<int64_t>(adapter.rows, rows_at_once);
  const int64_t room = std::max<int64_t>(1, int64_t(ctx.multiprocessors) / plan.slabs);
  const dim3 grid(plan.slabs, unsigned(std::min(turns, room)));
  if (turns == 0 || plan.slabs == 0) return;
  auto kernel = allows_packs<T>(adapter.cols, from, to) ? merge_kernel<T, true, R> : merge_kernel<T, false, R>;
  if (plan.shared > 48 * 1024)
    FOVEA_CUDA_CHECK(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, int(plan.shared)));
  cudaLaunchAttribute cluster{};
  cluster.id = cudaLaunchAttributeClusterDimension;
  cluster.val.clusterDim = {plan.slabs, 1, 1};
  cudaLaunchConfig_t config{};
  config.gridDim = grid;
  config.blockDim = dim3(kMergeThreads);
  config.dynamicSmemBytes = plan.shared;
  config.stream = ctx.stream;
  config.attrs = &cluster;
  config.numAttrs = R == Rows::normalized && plan.slabs > 1 ? 1 : 0;
  FOVEA_CUDA_CHECK(
      cudaLaunchKernelEx(&config, kernel, shape_of(adapter), plan.layout, adapter.a, adapter.b, numbers, from, to));
}

unsigned blocks_for(int64_t n) {
  return unsigned(ceil_div<int64_t>(n, kThreads));
}

}  // namespace

template <class T>
void low_rank_merge(Cuda& ctx, const LowRank<T>& adapter, const T* weight, T* merged) {
  run_merge<T, Rows::scaled>(ctx, adapter, plan_of_slabs(ctx, adapter), {}, weight, merged);
}

template <class T>
void dora_merge(Cuda& ctx, const LowRank<T>& adapter, const T* weight, const accumulator_t<T>* magnitude, T* merged,
                accumulator_t<T>* norm) {
  const Plan plan = plan_of_rows(ctx, adapter);
  if (plan.whole_rows)
    return run_merge<T, Rows::normalized>(ctx, adapter, plan, {.after = magnitude, .norm = norm}, weight, merged);
  DeviceScratch scratch(ctx);
  float* sums = scratch.take<float>(plan.slabs * size_t(adapter.rows));
  float* factor = scratch.take<float>(size_t(adapter.rows));
  run_merge<T, Rows::squares>(ctx, adapter, plan, {.sums = sums}, weight, static_cast<T*>(nullptr));
  launch(ctx, norms_kernel, blocks_for(adapter.rows), kThreads, 0, adapter.rows, plan.slabs, sums, magnitude, norm,
         factor);
  run_merge<T, Rows::scaled>(ctx, adapter, plan, {.after = factor}, weight, merged);
}

template <class T>
void low_rank_unmerge(Cuda& ctx, const LowRank<T>& adapter, const T* merged, const accumulator_t<T>* magnitude,
                      const accumulator_t<T>* norm, T* weight) {
  LowRank<T> removed = adapter;
  removed.scale = -adapter.scale;
  DeviceScratch scratch(ctx);
  float* factor = nullptr;
  if (magnitude) {
    factor = scratch.take<float>(size_t(adapter.rows));
    launch(ctx, ratios_kernel, blocks_for(adapter.rows), kThreads, 0, adapter.rows, norm, magnitude, factor);
  }
  run_merge<T, Rows::scaled>(ctx, removed, plan_of_slabs(ctx, adapter), {.before = factor}, merged, weight);
}

template <class T>
void low_rank_backward(Cuda& ctx, const LowRank<T>& adapter, const T* weight, const accumulator_t<T>* magnitude,
                       const accumulator_t<T>* norm, const T* g, const LowRankGradients<T>& gradients) {
  const Shape s = shape_of(adapter);
  const unsigned slabs = unsigned(ceil_div<int64_t>(s.cols, 4 * kWarp * 4)),
                 ranks = unsigned(ceil_div<int64_t>(s.rank, kRanks));
  const int64_t turns = ceil_div<int64_t>(s.rows, kWarps / 4 * kGradientRows);
  const int64_t room = std::max<int64_t>(1, int64_t(ctx.multiprocessors) / std::max(1u, slabs));
  const unsigned splits = unsigned(std::min(room, ceil_div<int64_t>(turns, kTurns)));
  DeviceScratch scratch(ctx);
  const Partials partials{scratch.take<float>(slabs * size_t(s.rows * s.rank)),
                          scratch.take<float>(slabs * size_t(s.rows)),
                          scratch.take<float>(splits * size_t(s.rank * s.cols))};
  const bool packs = s.cols % 4 == 0 && reinterpret_cast<uintptr_t>(g) % (4 * sizeof(T)) == 0 &&
                     reinterpret_cast<uintptr_t>(weight) % (4 * sizeof(T)) == 0;
  auto kernel = magnitude ? (packs ? gradient_kernel<T, true, true> : gradient_kernel<T, false, true>)
                          : (packs ? gradient_kernel<T, true, false> : gradient_kernel<T, false, false>);
  launch(ctx, kernel, dim3(slabs, splits, ranks), kThreads, 0, s, adapter.a, adapter.b, magnitude, norm, weight, g,
         partials);
  launch(ctx, row_gradients_kernel, unsigned(ceil_div<int64_t>(s.rows, kWarps)), dim3(kWarp, kWarps), 0, s, slabs,
         adapter.b, magnitude, norm, partials, gradients.b, gradients.magnitude);
  launch(ctx, column_gradients_kernel, blocks_for(s.rank * s.cols), kThreads, 0, s.rank * s.cols, splits, s.scale,
         partials.columns, gradients.a);
}

#define FOVEA_INSTANTIATE(T)                                                                                       \
  template void low_rank_merge<T>(Cuda&, const LowRank<T>&, const T*, T*);                                         \
  template void dora_merge<T>(Cuda&, const LowRank<T>&, const T*, const accumulator_t<T>*, T*, accumulator_t<T>*); \
  template void low_rank_unmerge<T>(Cuda&, const LowRank<T>&, const T*, const accumulator_t<T>*,                   \
                                    const accumulator_t<T>*, T*);                                                  \
  template void low_rank_backward<T>(Cuda&, const LowRank<T>&, const T*, const accumulator_t<T>*,                  \
                                     const accumulator_t<T>*, const T*, const LowRankGradients<T>&);
FOVEA_INSTANTIATE(float)
FOVEA_INSTANTIATE(bf16)

}  // namespace fovea::kernels
