// Moving elements: strided copies, gathers and their transpose, checks of indices, one-hot rows.
//   copy_strided  runs that are contiguous in both arrays are moved in units of up to 16 bytes; transposes go through
//                 tiles in shared memory, so that both sides are coalesced; the rest element by element in the target's
//                 order
//   gather        each row in units of up to 16 bytes
//   scatter_add   without atomics: the picks of one row are chained in their order (next[], head[]), and the threads of
//                 the first pick add the chain up
//   put_rows      the same chains: the last pick of a row moves it, in units of up to 16 bytes
#include <fovea/kernels/device_scratch.h>
#include <fovea/kernels/index.h>
#include <fovea/kernels/strided_box.h>
#include <fovea/kernels/for_each.cuh>

namespace fovea::kernels {

// Calls f with a value of the unsigned type of `bytes` bytes: 1, 2, 4, 8 or 16.
template <class F>
static void with_unit(size_t bytes, F&& f) {
  switch (bytes) {
    case 1:
      return f(uint8_t());
    case 2:
      return f(uint16_t());
    case 4:
      return f(uint32_t());
    case 8:
      return f(uint64_t());
    default:
      return f(uint4());
  }
}

template <class E>
struct CopyBody {
  static constexpr int kN = 1;
  const E* from;
  E* to;
  StridedBox box;
  Divisor size[StridedBox::kMaxRank];

  CopyBody(const E* source, E* target, const StridedBox& whole) : from(source), to(target), box(whole) {
    for (int d = 0; d < box.rank; ++d) size[d] = box.size[d];
  }
  template <int>
  __device__ void run(int64_t i) const {
    int64_t at_from = 0, at_to = 0;
    for (int d = box.rank - 1; d > 0; --d) {
      const Division at = size[d].divide(i);
      at_from += at.remainder * box.from[d];
      at_to += at.remainder * box.to[d];
      i = at.quotient;
    }
    to[at_to + i * box.to[0]] = from[at_from + i * box.from[0]];
  }
};

// The two innermost dimensions are [rows, cols]; the source runs along rows, the target along cols. A thread moves 16
// elements.
constexpr int kTile = 64, kTileThreads = 32, kTileRows = 8;
template <class E>
__global__ void __launch_bounds__(kTileThreads* kTileRows)
    copy_transposed(const __grid_constant__ CopyBody<E> copy, Divisor row_tiles, Divisor col_tiles) {
  __shared__ E tile[kTile][kTile + (sizeof(E) < 4 ? 4 / sizeof(E) : 1)];  // an odd number of words: no bank twice
  const StridedBox& box = copy.box;
  const E* from = copy.from;
  E* to = copy.to;
  const int last = box.rank - 1;
  const Division by_col = col_tiles.divide(blockIdx.x), by_row = row_tiles.divide(by_col.quotient);
  int64_t outer = by_row.quotient;
  for (int d = last - 2; d >= 0; --d) {
    const Division at = copy.size[d].divide(outer);
    from += at.remainder * box.from[d];
    to += at.remainder * box.to[d];
    outer = at.quotient;
  }
  const int64_t row = by_row.remainder * kTile, col = by_col.remainder * kTile;
  const int rows = int(min(int64_t(kTile), box.size[last - 1] - row)),
            cols = int(min(int64_t(kTile), box.size[last] - col));
  const int64_t from_step = box.from[last], to_step = box.to[last - 1];
  from += row + col * from_step;
  to += row * to_step + col;
#pragma unroll
  for (int k = 0; k < kTile; k += kTileRows)
#pragma unroll
    for (int l = 0; l < kTile; l += kTileThreads)
      if (const int c = k + threadIdx.y, r = l + threadIdx.x; c < cols && r < rows)
        tile[c][r] = from[r + c * from_step];
  __syncthreads();
#pragma unroll
  for (int k = 0; k < kTile; k += kTileRows)
#pragma unroll
    for (int l = 0; l < kTile; l += kTileThreads)
      if (const int r = k + threadIdx.y, c = l + threadIdx.x; c < cols && r < rows) to[r * to_step + c] = tile[c][r];
}

// Whether pairs of neighbouring elements can be moved as one of twice the size; if so the box becomes one of pairs.
static bool pair_up(StridedBox& box, size_t bytes, const void* from, const void* to) {
  const int last = box.rank - 1;
  if (bytes == 16 || box.from[last] != 1 || box.to[last] != 1 || box.size[last] % 2) return false;
  if ((reinterpret_cast<uintptr_t>(from) | reinterpret_cast<uintptr_t>(to)) % (2 * bytes)) return false;
  for (int d = 0; d < last; ++d)
    if (box.from[d] % 2 || box.to[d] % 2) return false;
  for (int d = 0; d < last; ++d) box.from[d] /= 2, box.to[d] /= 2;
  box.size[last] /= 2;
  return true;
}

void copy_strided(Cuda& ctx, const void* from, void* to, size_t element_bytes, const StridedBox& whole) {
  StridedBox box = merged(whole);
  int64_t total = 1;
  for (int d = 0; d < box.rank; ++d) total *= box.size[d];
  if (total == 0) return;
  if (box.rank == 0) box.push_back(1, 1, 1);
  const bool transpose = bring_transpose_together(box);
  while (!transpose && pair_up(box, element_bytes, from, to)) element_bytes *= 2, total /= 2;
  with_unit(element_bytes, [&](auto unit) {
    using E = decltype(unit);
    const auto* source = static_cast<const E*>(from);
    auto* target = static_cast<E*>(to);
    if (!transpose) return for_each(ctx, CopyBody<E>(source, target, box), total, false);
    if constexpr (sizeof(E) <= 8) {
      const int64_t rows = box.size[box.rank - 2], cols = box.size[box.rank - 1];
      const int64_t row_tiles = ceil_div<int64_t>(rows, kTile), col_tiles = ceil_div<int64_t>(cols, kTile);
      launch(ctx, copy_transposed<E>, unsigned(total / (rows * cols) * row_tiles * col_tiles),
             dim3(kTileThreads, kTileRows), 0, CopyBody<E>(source, target, box), row_tiles, col_tiles);
    }
  });
}

template <class E>
struct GatherBody {
  static constexpr int kN = 1;
  const E* x;
  const int64_t* index;
  E* y;
  int64_t rows;
  Divisor picks, units;
  int64_t row_units;
  bool index_per_batch;
  template <int>
  __device__ void run(int64_t i) const {
    const Division at = units.divide(i), pick = picks.divide(at.quotient);
    const int64_t row = index[index_per_batch ? at.quotient : pick.remainder];
    y[i] = x[(pick.quotient * rows + row) * row_units + at.remainder];
  }
};
void gather(Cuda& ctx, const void* x, const int64_t* index, void* y, int64_t batch, int64_t rows, int64_t picks,
            size_t row_bytes, bool index_per_batch) {
  const size_t together = row_bytes | reinterpret_cast<uintptr_t>(x) | reinterpret_cast<uintptr_t>(y) | 16;
  with_unit(together & -together, [&](auto unit) {
    using E = decltype(unit);
    const int64_t units = int64_t(row_bytes / sizeof(E));
    for_each(
        ctx,
        GatherBody<E>{static_cast<const E*>(x), index, static_cast<E*>(y), rows, picks, units, units, index_per_batch},
        batch * picks * units, false);
  });
}

// A warp for each pick of each list of `picks` indices: next[k] is the next pick of the same row, -1 if there is none;
// head[k] says that no earlier one is.
constexpr int kLinkThreads = 256;
__global__ void link_picks(const int64_t* index, int32_t* next, uint8_t* head, int64_t lists, int64_t picks,
                           Divisor by_picks) {
  const int64_t pick = (int64_t(blockIdx.x) * kLinkThreads + threadIdx.x) / kWarp;
  if (pick >= lists * picks) return;
  const int lane = threadIdx.x % kWarp;
  const Division at = by_picks.divide(pick);
  const int64_t k = at.remainder;
  const int64_t* list = index + at.quotient * picks;
  const int64_t row = list[k];
  int32_t found = -1;
  for (int64_t begin = k + 1; begin < picks && found < 0; begin += kWarp) {
    const unsigned same = __ballot_sync(kAllLanes, begin + lane < picks && list[begin + lane] == row);
    if (same) found = int32_t(begin) + __ffs(int(same)) - 1;
  }
  bool earlier = false;
  for (int64_t begin = k - 1; begin >= 0 && !earlier; begin -= kWarp)
    earlier = __any_sync(kAllLanes, begin - lane >= 0 && list[begin - lane] == row);
  if (lane == 0) next[pick] = found, head[pick] = !earlier;
}

template <class T>
struct ScatterBody {
  static constexpr int kN = std::min(kPack<T>, kPack<accumulator_t<T>>);
  const T* x;
  const int64_t* index;
  const int32_t* next;
  const uint8_t* head;
  accumulator_t<T>* y;
  int64_t rows, picks, cols;
  Divisor by_picks, by_cols;
  bool index_per_batch;
  template <int N>
  __device__ void run(int64_t i) const {
    const Division at = by_cols.divide(i), pick = by_picks.divide(at.quotient);
    const int64_t list = index_per_batch ? pick.quotient * picks : 0;
    if (!head[list + pick.remainder]) return;
    auto* target = y + (pick.quotient * rows + index[list + pick.remainder]) * cols + at.remainder;
    auto sum = load_values<N>(target);
    for (int64_t k = pick.remainder; k >= 0; k = next[list + k]) {
      const auto values = load_values<N>(x + (pick.quotient * picks + k) * cols + at.remainder);
#pragma unroll
      for (int j = 0; j < N; ++j) sum[j] += values[j];
    }
    store_values(target, sum);
  }
};
template <class T>
void scatter_add(Cuda& ctx, const T* x, const int64_t* index, accumulator_t<T>* y, int64_t batch, int64_t rows,
                 int64_t picks, int64_t cols, bool index_per_batch) {
  constexpr int N = ScatterBody<T>::kN;
  const int64_t lists = index_per_batch ? batch : 1;
  if (batch * picks * cols == 0) return;
  DeviceScratch scratch(ctx);
  auto* next = scratch.take<int32_t>(size_t(lists * picks));
  auto* head = scratch.take<uint8_t>(size_t(lists * picks));
  launch(ctx, link_picks, unsigned(ceil_div<int64_t>(lists * picks, kLinkThreads / kWarp)), kLinkThreads, 0, index,
         next, head, lists, picks, picks);
  for_each(ctx, ScatterBody<T>{x, index, next, head, y, rows, picks, cols, picks, cols, index_per_batch},
           batch * picks * cols, cols % N == 0 && is_aligned<N>(x) && is_aligned<N>(y));
}
template void scatter_add<float>(Cuda&, const float*, const int64_t*, float*, int64_t, int64_t, int64_t, int64_t, bool);
template void scatter_add<bf16>(Cuda&, const bf16*, const int64_t*, float*, int64_t, int64_t, int64_t, int64_t, bool);
template void scatter_add<int64_t>(Cuda&, const int64_t*, const int64_t*, int64_t*, int64_t, int64_t, int64_t, int64_t,
                                   bool);
template void scatter_add<uint8_t>(Cuda&, const uint8_t*, const int64_t*, uint8_t*, int64_t, int64_t, int64_t, int64_t,
                                   bool);

template <class E>
struct PutBody {
  static constexpr int kN = 1;
  const E* x;
  const int64_t* index;
  const int32_t* next;
  E* y;
  Divisor by_units;
  int64_t units;
  template <int>
  __device__ void run(int64_t i) const {
    const Division at = by_units.divide(i);
    if (next[at.quotient] < 0) y[index[at.quotient] * units + at.remainder] = x[i];
  }
};
void put_rows(Cuda& ctx, const void* x, const int64_t* index, void* y, int64_t, int64_t picks, size_t row_bytes) {
  if (picks * int64_t(row_bytes) == 0) return;
  DeviceScratch scratch(ctx);
  auto* next = scratch.take<int32_t>(size_t(picks));
  auto* head = scratch.take<uint8_t>(size_t(picks));
  launch(ctx, link_picks, unsigned(ceil_div<int64_t>(picks, kLinkThreads / kWarp)), kLinkThreads, 0, index, next, head,
         1, picks, picks);
  const size_t together = row_bytes | reinterpret_cast<uintptr_t>(x) | reinterpret_cast<uintptr_t>(y) | 16;
  with_unit(together & -together, [&](auto unit) {
    using E = decltype(unit);
    const int64_t units = int64_t(row_bytes / sizeof(E));
    for_each(ctx, PutBody<E>{static_cast<const E*>(x), index, next, static_cast<E*>(y), units, units}, picks * units,
             false);
  });
}

struct OneHotBody {
  static constexpr int kN = 4;
  const int64_t* labels;
  float* y;
  int64_t classes;
  Divisor by_classes;
  template <int N>
  __device__ void run(int64_t i) const {
    Division at = by_classes.divide(i);
    Values<float, N> out;
#pragma unroll
    for (int k = 0; k < N; ++k) {
      out[k] = labels[at.quotient] == at.remainder;
      if (++at.remainder == classes) ++at.quotient, at.remainder = 0;
    }
    store_values(y + i, out);
  }
};
void one_hot(Cuda& ctx, const int64_t* labels, float* y, int64_t n, int64_t classes) {
  for_each(ctx, OneHotBody{labels, y, classes, classes}, n * classes, is_aligned<4>(y));
}

}  // namespace fovea::kernels
