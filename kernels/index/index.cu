// Moving elements: strided copies, gathers and their transpose, checks of indices, one-hot rows.
//   copy_strided  runs that are contiguous in both arrays are moved in units of up to 16 bytes; transposes go through
//                 tiles in shared memory, so that both sides are coalesced; the rest one by one in the target's order
//   gather        each row in units of up to 16 bytes
//   scatter_add   without atomics: the picks are sorted by their rows, runs of 2048 in shared memory and then pairs of
//                 runs merged; the threads of a row's first pick add all of them up, in order
//   put_rows      sorted likewise: the last pick of a row moves it, in units of up to 16 bytes
#include <stdexcept>

#include <fovea/kernels/device_scratch.h>
#include <fovea/kernels/index.h>
#include <fovea/kernels/index/strided_box.h>
#include <fovea/kernels/base/for_each.cuh>

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

// The two innermost dimensions are [rows, cols]; the source runs along rows, the target along cols. A thread moves 16.
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

// A pick: the row that it goes to, counted through all lists, and its own place, likewise. As numbers picks are in the
// order of their rows, those of one row in their own, and no two are equal.
struct Pick {
  uint64_t bits;
  __device__ static Pick of(int64_t row, int64_t place) { return {uint64_t(row) << 32 | uint64_t(place)}; }
  __device__ int64_t row() const { return int64_t(bits >> 32); }
  __device__ int64_t place() const { return int64_t(bits & 0xffffffffu); }
  __device__ bool operator<(const Pick& other) const { return bits < other.bits; }
};

// The picks of all lists in runs of `tile`, a power of two, each run in order: bitonic, in shared memory.
constexpr int kSortTile = 2048, kSortThreads = 512;
__global__ void __launch_bounds__(kSortThreads)
    sort_tiles(const int64_t* index, Pick* sorted, int64_t count, int64_t rows, Divisor by_picks, int tile) {
  __shared__ Pick picks[kSortTile];
  const int64_t first = int64_t(blockIdx.x) * tile;
  for (int i = threadIdx.x; i < tile; i += kSortThreads) {
    const int64_t place = first + i;
    picks[i] = place < count ? Pick::of(by_picks.divide(place).quotient * rows + index[place], place) : Pick{~0ull};
  }
  for (int run = 2; run <= tile; run *= 2)
    for (int apart = run / 2; apart > 0; apart /= 2) {
      block_barrier();
      for (int i = threadIdx.x; i < tile / 2; i += kSortThreads) {
        const int low = i / apart * 2 * apart + i % apart;
        const Pick a = picks[low], b = picks[low + apart];
        if ((b < a) == ((low & run) == 0)) picks[low] = b, picks[low + apart] = a;
      }
    }
  block_barrier();
  for (int i = threadIdx.x; i < tile && first + i < count; i += kSortThreads) sorted[first + i] = picks[i];
}

// Two neighbouring runs become one: a pick's place is that in its own run plus the number of smaller ones in the other.
struct MergeRuns {
  static constexpr int kN = 1;
  const Pick* from;
  Pick* to;
  int64_t count, length;
  template <int>
  __device__ void run(int64_t i) const {
    const int64_t own = i / length * length, other = (i / length ^ 1) * length;
    const int64_t begin = min(other, count), end = min(other + length, count);
    const Pick pick = from[i];
    int64_t low = begin, high = end;
    while (low < high) {
      const int64_t middle = (low + high) / 2;
      from[middle] < pick ? low = middle + 1 : high = middle;
    }
    to[min(own, other) + i - own + low - begin] = pick;
  }
};

// The picks of all lists in order.
static const Pick* sorted_picks(Cuda& ctx, DeviceScratch& scratch, const int64_t* index, int64_t lists, int64_t rows,
                                int64_t picks) {
  const int64_t count = lists * picks;
  if (count > UINT32_MAX || lists * rows > UINT32_MAX)
    throw std::runtime_error("scatter_add, put_rows: want fewer than 2^32 rows and picks");
  Pick *sorted = scratch.take<Pick>(size_t(count)),
       *other = count > kSortTile ? scratch.take<Pick>(size_t(count)) : nullptr;
  int tile = 2;
  while (tile < kSortTile && tile < count) tile *= 2;
  launch(ctx, sort_tiles, unsigned(ceil_div<int64_t>(count, tile)), kSortThreads, 0, index, sorted, count, rows, picks,
         tile);
  for (int64_t length = tile; length < count; length *= 2) {
    for_each(ctx, MergeRuns{sorted, other, count, length}, count, false);
    std::swap(sorted, other);
  }
  return sorted;
}

template <class T>
struct ScatterBody {
  static constexpr int kN = std::min(kPack<T>, kPack<accumulator_t<T>>), kTogether = 4;  // picks on their way at once
  const T* x;
  const Pick* sorted;  // of all lists, or of the one for every image
  accumulator_t<T>* y;
  int64_t rows, cols, count;
  Divisor by_count, by_cols;
  template <int N>
  __device__ void run(int64_t i) const {
    const Division at = by_cols.divide(i), image = by_count.divide(at.quotient);
    int64_t next = image.remainder;
    const int64_t row = sorted[next].row();
    if (next > 0 && sorted[next - 1].row() == row) return;  // another's
    const T* from = x + image.quotient * count * cols + at.remainder;
    auto* target = y + (image.quotient * rows + row) * cols + at.remainder;
    auto sum = load_values<N>(target);
    int found = kTogether;
    for (; found == kTogether; next += kTogether) {
      Values<accumulator_t<T>, N> values[kTogether];
      found = 0;
#pragma unroll
      for (int k = 0; k < kTogether; ++k) {
        if (next + k >= count) continue;
        const Pick pick = sorted[next + k];
        if (pick.row() == row) values[k] = load_values<N>(from + pick.place() * cols), found = k + 1;
      }
#pragma unroll
      for (int k = 0; k < kTogether; ++k)
        if (k < found)
#pragma unroll
          for (int j = 0; j < N; ++j) sum[j] += values[k][j];
    }
    store_values(target, sum);
  }
};
template <class T>
void scatter_add(Cuda& ctx, const T* x, const int64_t* index, accumulator_t<T>* y, int64_t batch, int64_t rows,
                 int64_t picks, int64_t cols, bool index_per_batch) {
  constexpr int N = ScatterBody<T>::kN;
  if (batch * picks * cols == 0) return;
  const int64_t lists = index_per_batch ? batch : 1, count = lists * picks;
  DeviceScratch scratch(ctx);
  const Pick* sorted = sorted_picks(ctx, scratch, index, lists, rows, picks);
  for_each(ctx, ScatterBody<T>{x, sorted, y, rows, cols, count, count, cols}, batch * picks * cols,
           cols % N == 0 && is_aligned<N>(x) && is_aligned<N>(y));
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
  const Pick* sorted;
  E* y;
  Divisor by_units;
  int64_t units, picks;
  template <int>
  __device__ void run(int64_t i) const {
    const Division at = by_units.divide(i);
    const Pick pick = sorted[at.quotient];
    if (at.quotient + 1 == picks || sorted[at.quotient + 1].row() != pick.row())
      y[pick.row() * units + at.remainder] = x[pick.place() * units + at.remainder];
  }
};
void put_rows(Cuda& ctx, const void* x, const int64_t* index, void* y, int64_t rows, int64_t picks, size_t row_bytes) {
  if (picks * int64_t(row_bytes) == 0) return;
  DeviceScratch scratch(ctx);
  const Pick* sorted = sorted_picks(ctx, scratch, index, 1, rows, picks);
  const size_t together = row_bytes | reinterpret_cast<uintptr_t>(x) | reinterpret_cast<uintptr_t>(y) | 16;
  with_unit(together & -together, [&](auto unit) {
    using E = decltype(unit);
    const int64_t units = int64_t(row_bytes / sizeof(E));
    for_each(ctx, PutBody<E>{static_cast<const E*>(x), sorted, static_cast<E*>(y), units, units, picks}, picks * units,
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
