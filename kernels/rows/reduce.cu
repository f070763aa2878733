// Reductions of x[outer, reduce, inner] over its middle, and their gradients. x is read once.
//   inner = 1   a row is contiguous: lanes of a warp share a row of up to kWarpRow elements, a block a longer one, and
//               rows longer than kRowChunk are cut into chunks for several blocks
//   inner > 1   neighbouring lanes read neighbouring columns; the rows of a block's threads are folded in shared
//               memory; tall columns are cut into chunks for several blocks
// Chunks depend on the shape alone; their results are joined, sums in double, by a second, small launch. A chain of
// additions is 256 packs long at most. Arrays that are not aligned are read element by element, still coalesced, in
// another order of the sums.
#include <bit>

#include <fovea/kernels/device_scratch.h>
#include <fovea/kernels/reduce.h>
#include <fovea/kernels/rows/row_kernels.cuh>

namespace fovea::kernels {

// A reduction: what an element counts as, how two partial results become one, and the result. Join does the same with
// the partial results of chunks.

struct JoinSums {
  using Value = double;
  using Result = float;
  static constexpr bool kReadsA = false;
  static __device__ double identity() { return 0; }
  static __device__ double value(float part, float, int64_t) { return part; }
  static __device__ double combine(double a, double b) { return a + b; }
  static __device__ float result(double total, double scale) { return float(total * scale); }
};
template <class Map>
struct SumReduction {
  using Value = float;
  using Result = float;
  using Join = JoinSums;
  static constexpr bool kReadsA = Map::kReadsA;
  static __device__ float identity() { return 0; }
  static __device__ float value(float x, float a, int64_t) { return Map::f(x, a); }
  static __device__ float combine(float a, float b) { return a + b; }
  static __device__ float result(float total, double scale) { return float(total * scale); }
};

// The larger, or the smaller; NaN if one is.
template <bool kLargest>
struct Extreme {
  using Value = float;
  using Result = float;
  using Join = Extreme;
  static constexpr bool kReadsA = false;
  static __device__ float identity() { return kLargest ? -INFINITY : INFINITY; }
  static __device__ float value(float x, float, int64_t) { return x; }
  static __device__ float combine(float a, float b) { return ((kLargest ? a > b : a < b) | (a != a)) ? a : b; }
  static __device__ float result(float extreme, double) { return extreme; }
};

struct IndexedValue {
  int64_t index;
  float value;
  float unused = 0;
};
struct ArgmaxBase {
  using Value = IndexedValue;
  using Result = int64_t;
  static constexpr bool kReadsA = false;
  static __device__ IndexedValue identity() { return {INT64_MAX, -INFINITY}; }
  static __device__ IndexedValue combine(IndexedValue a, IndexedValue b) {
    const bool a_nan = a.value != a.value, b_nan = b.value != b.value, first = a.index < b.index;
    const bool a_wins = a_nan ? !b_nan || first : !b_nan && (a.value > b.value || (a.value == b.value && first));
    return a_wins ? a : b;
  }
  static __device__ int64_t result(IndexedValue place, double) { return place.index; }
};
struct JoinPlaces : ArgmaxBase {
  static __device__ IndexedValue value(IndexedValue part, float, int64_t) { return part; }
};
struct Argmax : ArgmaxBase {
  using Join = JoinPlaces;
  static __device__ IndexedValue value(float x, float, int64_t r) { return {r, x}; }
};

template <class R>
struct Combine {
  __device__ typename R::Value operator()(typename R::Value a, typename R::Value b) const { return R::combine(a, b); }
};

// N values as one, by halves.
template <class R, int N>
__device__ typename R::Value fold(Values<typename R::Value, N> values) {
#pragma unroll
  for (int width = N / 2; width > 0; width /= 2)
#pragma unroll
    for (int i = 0; i < width; ++i) values[i] = R::combine(values[i], values[i + width]);
  return values[0];
}

template <class R, int N, class T>
__device__ typename R::Value element_values(const T* x, float a, int64_t r) {
  const auto elements = load_values<N>(x);
  Values<typename R::Value, N> values;
#pragma unroll
  for (int k = 0; k < N; ++k) values[k] = R::value(elements[k], a, r + k);
  return fold<R>(values);
}

// One thread's share of the elements [begin, end) of a row.
template <class R, class T>
__device__ typename R::Value reduce_share(const T* x, float a, int64_t begin, int64_t end, int thread, int threads,
                                          bool packed) {
  constexpr int N = kPack<T>;
  auto total = R::identity();
  int64_t rest = begin;
  if (packed) {
    rest = begin + (end - begin) / N * N;
#pragma unroll 4
    for (int64_t c = begin + thread * N; c < rest; c += threads * N)
      total = R::combine(total, element_values<R, N>(x + c, a, c));
  }
#pragma unroll 4
  for (int64_t c = rest + thread; c < end; c += threads) total = R::combine(total, R::value(widened(x[c]), a, c));
  return total;
}

constexpr int kBlock = 256;
constexpr int64_t kWarpRow = 1024, kRowChunk = 16384;

// `lanes` lanes a row.
template <class R, class T>
__global__ void reduce_short_rows(const T* x, const float* a, typename R::Result* y, int64_t rows, int64_t cols,
                                  int lanes, bool packed, double scale) {
  const int64_t row = int64_t(blockIdx.x) * (kBlock / lanes) + threadIdx.x / lanes;
  auto total = R::identity();
  if (row < rows)
    total = reduce_share<R>(x + row * cols, R::kReadsA ? a[row] : 0.0f, 0, cols, threadIdx.x % lanes, lanes, packed);
  total = lanes_reduce(total, lanes, Combine<R>());
  if (row < rows && threadIdx.x % lanes == 0) y[row] = R::result(total, scale);
}

// A block for each chunk of each row; `parts` gets their values if a row has several, else y.
template <class R, class T>
__global__ void reduce_long_rows(const T* x, const float* a, typename R::Result* y, typename R::Value* parts,
                                 int64_t cols, Divisor chunks, bool packed, double scale) {
  __shared__ typename R::Value shared[kBlock / kWarp];
  const Division at = chunks.divide(blockIdx.x);
  const int64_t row = at.quotient, begin = at.remainder * kRowChunk;
  auto total = reduce_share<R>(x + row * cols, R::kReadsA ? a[row] : 0.0f, begin, min(cols, begin + kRowChunk),
                               threadIdx.x, kBlock, packed);
  total = group_reduce<kBlock>(total, shared, Combine<R>());
  if (threadIdx.x > 0) return;
  if (parts)
    parts[blockIdx.x] = total;
  else
    y[row] = R::result(total, scale);
}

// How a block's threads lie over columns (packs of N), rows and the outer dimension, all powers of two, and how the
// rows are cut.
struct ColumnPlan {
  int across, down, deep;
  int64_t tiles, chunk, chunks, groups;
  Divisor by_tiles, by_chunks;

  ColumnPlan(const ReduceShape& s, int n) {
    auto whole = [](int64_t count, int limit) {
      return int(std::min<uint64_t>(std::bit_ceil(uint64_t(std::max<int64_t>(count, 1))), uint64_t(limit)));
    };
    const int64_t columns = ceil_div<int64_t>(s.inner, n);
    across = whole(columns, kWarp);
    down = whole(ceil_div<int64_t>(s.reduce, 4), kBlock / across);
    deep = kBlock / across / down;
    tiles = ceil_div<int64_t>(columns, across);
    groups = ceil_div<int64_t>(s.outer, deep);
    constexpr int64_t kWanted = 1024;
    const int64_t cut = ceil_div(s.reduce, ceil_div(kWanted, tiles * groups));
    chunk = std::clamp<int64_t>(ceil_div<int64_t>(cut, down) * down, 16 * down, 256 * down);
    chunks = std::max<int64_t>(1, ceil_div(s.reduce, chunk));
    by_tiles = tiles, by_chunks = chunks;
  }
};

template <class R, int N, class T>
__global__ void __launch_bounds__(kBlock, sizeof(typename R::Value) > 8 ? 2 : 5)
    reduce_columns(const T* x, const float* a, typename R::Result* y, typename R::Value* parts, ReduceShape s,
                   ColumnPlan plan, double scale) {
  using Value = typename R::Value;
  __shared__ Value shared[N][kBlock];
  const int thread = threadIdx.x, column = thread % plan.across, row = thread / plan.across % plan.down;
  const Division by_tile = plan.by_tiles.divide(blockIdx.x), by_chunk = plan.by_chunks.divide(by_tile.quotient);
  const int64_t c = (by_tile.remainder * plan.across + column) * N, chunk = by_chunk.remainder;
  const int64_t o = by_chunk.quotient * plan.deep + thread / plan.across / plan.down;
  const bool inside = c < s.inner && o < s.outer;
  auto totals = splat<N>(R::identity());
  if (inside) {
    auto centre = splat<N>(0.0f);
    if constexpr (R::kReadsA) centre = load_values<N>(a + o * s.inner + c);
    const int64_t end = min(s.reduce, (chunk + 1) * plan.chunk);
    const T* column_of_x = x + o * s.reduce * s.inner + c;
#pragma unroll 4
    for (int64_t r = chunk * plan.chunk + row; r < end; r += plan.down) {
      const auto elements = load_values<N>(column_of_x + r * s.inner);
#pragma unroll
      for (int k = 0; k < N; ++k) totals[k] = R::combine(totals[k], R::value(elements[k], centre[k], r));
    }
  }
  __syncwarp();  // lanes of other columns and rows had loops of other lengths
#pragma unroll
  for (int k = 0; k < N; ++k) shared[k][thread] = totals[k];
  for (int half = plan.down / 2; half > 0; half /= 2) {
    __syncthreads();
    if (row < half) {
#pragma unroll
      for (int k = 0; k < N; ++k)
        shared[k][thread] = totals[k] = R::combine(totals[k], shared[k][thread + half * plan.across]);
    }
    __syncwarp();
  }
  if (row > 0 || !inside) return;
  if (parts) {
    store_values(parts + (o * plan.chunks + chunk) * s.inner + c, totals);
  } else {
    Values<typename R::Result, N> results;
#pragma unroll
    for (int k = 0; k < N; ++k) results[k] = R::result(totals[k], scale);
    store_values(y + o * s.inner + c, results);
  }
}

template <class R, int N, class T>
static void launch_columns(Cuda& ctx, const T* x, const float* a, typename R::Result* y, typename R::Value* parts,
                           const ReduceShape& s, const ColumnPlan& plan, double scale) {
  launch(ctx, reduce_columns<R, N, T>, unsigned(plan.tiles * plan.chunks * plan.groups), kBlock, 0, x, a, y, parts, s,
         plan, scale);
}

// The chunks' values parts[outer, chunks, inner] as y[outer, inner]; a chain of at most 256 at once.
template <class R>
static void join(Cuda& ctx, const typename R::Value* parts, typename R::Result* y, const ReduceShape& s, double scale) {
  using J = typename R::Join;
  ColumnPlan plan(s, 1);
  plan.chunk = plan.chunks * plan.chunk, plan.chunks = 1, plan.by_chunks = 1;
  launch_columns<J, 1>(ctx, parts, nullptr, y, nullptr, s, plan, scale);
}

template <class R, class T>
static void reduce(Cuda& ctx, const T* x, const float* a, typename R::Result* y, const ReduceShape& s, double scale) {
  using Value = typename R::Value;
  constexpr int N = kPack<T>;
  if (s.outer * s.inner == 0) return;
  DeviceScratch scratch(ctx);
  if (s.inner > 1) {
    const bool packed = allows_packs<T>(s.inner, x, y) && is_aligned<N>(a);
    const ColumnPlan plan(s, packed ? N : 1);
    Value* parts = plan.chunks > 1 ? scratch.take<Value>(size_t(s.outer * plan.chunks * s.inner)) : nullptr;
    if (packed)
      launch_columns<R, N>(ctx, x, a, y, parts, s, plan, scale);
    else
      launch_columns<R, 1>(ctx, x, a, y, parts, s, plan, scale);
    if (parts) join<R>(ctx, parts, y, {s.outer, plan.chunks, s.inner}, scale);
    return;
  }
  const bool packed = allows_packs<T>(s.outer == 1 ? 0 : s.reduce, x);
  if (s.reduce <= kWarpRow) {
    const int64_t accesses = packed ? ceil_div<int64_t>(s.reduce, N) : s.reduce;
    const int lanes = int(std::min<uint64_t>(std::bit_ceil(uint64_t(std::max<int64_t>(accesses, 1))), kWarp));
    launch(ctx, reduce_short_rows<R, T>, unsigned(ceil_div<int64_t>(s.outer, kBlock / lanes)), kBlock, 0, x, a, y,
           s.outer, s.reduce, lanes, packed, scale);
    return;
  }
  const int64_t chunks = ceil_div(s.reduce, kRowChunk);
  Value* parts = chunks > 1 ? scratch.take<Value>(size_t(s.outer * chunks)) : nullptr;
  launch(ctx, reduce_long_rows<R, T>, unsigned(s.outer * chunks), kBlock, 0, x, a, y, parts, s.reduce, chunks, packed,
         scale);
  if (parts) join<R>(ctx, parts, y, {s.outer, chunks, 1}, scale);
}

template <class Map, class T>
void reduce_sum(Cuda& ctx, const T* x, const accumulator_t<T>* a, accumulator_t<T>* y, const ReduceShape& s,
                double scale) {
  reduce<SumReduction<Map>>(ctx, x, a, y, s, scale);
}
template <class T>
void reduce_max(Cuda& ctx, const T* x, accumulator_t<T>* y, const ReduceShape& s) {
  reduce<Extreme<true>>(ctx, x, nullptr, y, s, 1);
}
template <class T>
void reduce_min(Cuda& ctx, const T* x, accumulator_t<T>* y, const ReduceShape& s) {
  reduce<Extreme<false>>(ctx, x, nullptr, y, s, 1);
}
template <class T>
void argmax(Cuda& ctx, const T* x, int64_t* y, const ReduceShape& s) {
  reduce<Argmax>(ctx, x, nullptr, y, s, 1);
}

// A thread writes a pack of up to kSpreadRows rows, of one dy and a.
constexpr int kSpreadRows = 64;
template <class Map, class T>
struct SpreadColumns {
  static constexpr int kN = kPack<T>;
  const float* dy;
  const T* x;
  const float* a;
  T* dx;
  Divisor inner, chunks;
  int64_t columns, reduce, chunk;
  float scale;

  template <int N>
  __device__ void run(int64_t i) const {
    const Division column = inner.divide(i), part = chunks.divide(column.quotient);
    const int64_t j = part.quotient * columns + column.remainder;
    auto slope = load_values<N>(dy + j), centre = slope;
    if constexpr (Map::kReadsA) centre = load_values<N>(a + j);
#pragma unroll
    for (int k = 0; k < N; ++k) slope[k] *= scale;
    const int64_t begin = part.remainder * chunk, end = min(reduce, begin + chunk);
#pragma unroll 4
    for (int64_t r = begin; r < end; ++r) {
      const int64_t at = (part.quotient * reduce + r) * columns + column.remainder;
      auto out = slope;
      if constexpr (Map::kReadsX) out = load_values<N>(x + at);
#pragma unroll
      for (int k = 0; k < N; ++k) out[k] = slope[k] * Map::f(out[k], centre[k]);
      store_values(dx + at, out);
    }
  }
};
template <class Map, class T>
struct SpreadRows {
  static constexpr int kN = kPack<T>;
  const float* dy;
  const T* x;
  const float* a;
  T* dx;
  Divisor reduce;
  float scale;

  template <int N>
  __device__ void run(int64_t i) const {
    const int64_t row = reduce.divide(i).quotient;
    const float slope = scale * dy[row], centre = Map::kReadsA ? a[row] : 0.0f;
    auto out = splat<N>(0.0f);
    if constexpr (Map::kReadsX) out = load_values<N>(x + i);
#pragma unroll
    for (int k = 0; k < N; ++k) out[k] = slope * Map::f(out[k], centre);
    store_values(dx + i, out);
  }
};
template <class Map, class T>
void reduce_spread(Cuda& ctx, const accumulator_t<T>* dy, const T* x, const accumulator_t<T>* a, T* dx,
                   const ReduceShape& s, double scale) {
  constexpr int N = kPack<T>;
  const bool aligned = is_aligned<N>(dx) && is_aligned<N>(x);
  if (s.inner == 1) {
    for_each(ctx, SpreadRows<Map, T>{dy, x, a, dx, s.reduce, float(scale)}, s.outer * s.reduce,
             aligned && (s.outer == 1 || s.reduce % N == 0));
  } else if (s.reduce > 0) {
    const int64_t chunks = ceil_div<int64_t>(s.reduce, kSpreadRows), chunk = ceil_div(s.reduce, chunks);
    for_each(ctx, SpreadColumns<Map, T>{dy, x, a, dx, s.inner, chunks, s.inner, s.reduce, chunk, float(scale)},
             s.outer * chunks * s.inner, aligned && s.inner % N == 0 && is_aligned<N>(dy) && is_aligned<N>(a));
  }
}

#define FOVEA_INSTANTIATE_SUM(Map, T)                                                                               \
  template void reduce_sum<Map, T>(Cuda&, const T*, const accumulator_t<T>*, accumulator_t<T>*, const ReduceShape&, \
                                   double);
#define FOVEA_INSTANTIATE_SPREAD(Map, T)                                                                     \
  template void reduce_spread<Map, T>(Cuda&, const accumulator_t<T>*, const T*, const accumulator_t<T>*, T*, \
                                      const ReduceShape&, double);
#define FOVEA_INSTANTIATE(T)                                                           \
  FOVEA_INSTANTIATE_SUM(Itself, T)                                                     \
  FOVEA_INSTANTIATE_SUM(CenteredSquare, T)                                             \
  FOVEA_INSTANTIATE_SUM(ExpShifted, T)                                                 \
  FOVEA_INSTANTIATE_SUM(EqualTo, T)                                                    \
  FOVEA_INSTANTIATE_SPREAD(One, T)                                                     \
  FOVEA_INSTANTIATE_SPREAD(Centered, T)                                                \
  FOVEA_INSTANTIATE_SPREAD(ExpShifted, T)                                              \
  FOVEA_INSTANTIATE_SPREAD(EqualTo, T)                                                 \
  template void reduce_max<T>(Cuda&, const T*, accumulator_t<T>*, const ReduceShape&); \
  template void reduce_min<T>(Cuda&, const T*, accumulator_t<T>*, const ReduceShape&); \
  template void argmax<T>(Cuda&, const T*, int64_t*, const ReduceShape&);
FOVEA_INSTANTIATE(float)
FOVEA_INSTANTIATE(bf16)

}  // namespace fovea::kernels
