#include <fovea/kernels/index.h>

#include <algorithm>
#include <cstring>

#include <fovea/kernels/index/strided_box.h>

namespace fovea::kernels {

namespace {

// The offsets of the `index`th element of the box's first `rank` dimensions.
struct Offsets {
  int64_t from = 0, to = 0;
};
Offsets offsets_of(const StridedBox& box, int rank, int64_t index) {
  Offsets out;
  for (int d = rank - 1; d >= 0; --d) {
    const int64_t at = index % box.size[d];
    index /= box.size[d];
    out.from += at * box.from[d];
    out.to += at * box.to[d];
  }
  return out;
}

// The innermost dimension; memcpy where it is one run in both arrays.
template <class E>
void copy_run(const E* from, E* to, int64_t n, int64_t from_step, int64_t to_step) {
  if (from_step == 1 && to_step == 1) {
    if (n < 16)
      for (int64_t i = 0; i < n; ++i) to[i] = from[i];
    else
      std::memcpy(to, from, size_t(n) * sizeof(E));
  } else {
    for (int64_t i = 0; i < n; ++i) to[i * to_step] = from[i * from_step];
  }
}

// The two innermost dimensions [rows, cols] where the source runs along rows and the target along columns: squares that
// stay in the first-level cache from their first to their last use of each line.
template <class E>
void copy_transposed(const E* from, E* to, int64_t rows, int64_t cols, int64_t from_col, int64_t to_row) {
  constexpr int64_t kTile = 16;
  for (int64_t r0 = 0; r0 < rows; r0 += kTile)
    for (int64_t c0 = 0; c0 < cols; c0 += kTile) {
      const int64_t r1 = std::min(r0 + kTile, rows), c1 = std::min(c0 + kTile, cols);
      for (int64_t r = r0; r < r1; ++r)
        for (int64_t c = c0; c < c1; ++c) to[r * to_row + c] = from[r + c * from_col];
    }
}

template <class E>
void copy_box(const E* from, E* to, StridedBox box) {
  int64_t total = 1;
  for (int d = 0; d < box.rank; ++d) total *= box.size[d];
  if (total == 0) return;
  if (box.rank == 0) box.push_back(1, 1, 1);
  const int last = box.rank - 1;
  const bool transpose = bring_transpose_together(box);
  if (transpose) {
    // Bands of rows are the unit of parallel work.
    constexpr int64_t kBand = 64;
    const int64_t rows = box.size[last - 1], cols = box.size[last], bands = (rows + kBand - 1) / kBand;
    const int64_t outer = total / (rows * cols);
#pragma omp parallel for collapse(2) schedule(static) if (total > kParallelGrain)
    for (int64_t o = 0; o < outer; ++o)
      for (int64_t b = 0; b < bands; ++b) {
        const Offsets at = offsets_of(box, last - 1, o);
        const int64_t r = b * kBand;
        copy_transposed(from + at.from + r, to + at.to + r * box.to[last - 1], std::min(kBand, rows - r), cols,
                        box.from[last], box.to[last - 1]);
      }
    return;
  }
  const int64_t n = box.size[last], runs = total / n;
  if (runs == 1) {
    constexpr int64_t kPart = 1 << 16;
    const int64_t parts = (n + kPart - 1) / kPart;
#pragma omp parallel for schedule(static) if (n > kParallelGrain)
    for (int64_t p = 0; p < parts; ++p)
      copy_run(from + p * kPart * box.from[last], to + p * kPart * box.to[last], std::min(kPart, n - p * kPart),
               box.from[last], box.to[last]);
    return;
  }
  // Runs come in groups, so that finding a group's place costs little.
  const int64_t second = last > 0 ? box.size[last - 1] : 1, groups = runs / second;
  const int64_t split = std::min(second, std::max<int64_t>(1, groups >= 64 ? second : 8192 / n)),
                parts = (second + split - 1) / split;
#pragma omp parallel for collapse(2) schedule(static) if (total > kParallelGrain)
  for (int64_t g = 0; g < groups; ++g)
    for (int64_t p = 0; p < parts; ++p) {
      const Offsets at = offsets_of(box, last - 1, g);
      for (int64_t r = p * split; r < std::min(second, (p + 1) * split); ++r)
        copy_run(from + at.from + r * box.from[last - 1], to + at.to + r * box.to[last - 1], n, box.from[last],
                 box.to[last]);
    }
}

}  // namespace

void copy_strided(Cpu&, const void* from, void* to, size_t element_bytes, const StridedBox& box) {
  const StridedBox m = merged(box);
  switch (element_bytes) {
    case 1:
      return copy_box(static_cast<const uint8_t*>(from), static_cast<uint8_t*>(to), m);
    case 2:
      return copy_box(static_cast<const uint16_t*>(from), static_cast<uint16_t*>(to), m);
    case 4:
      return copy_box(static_cast<const uint32_t*>(from), static_cast<uint32_t*>(to), m);
    default:
      return copy_box(static_cast<const uint64_t*>(from), static_cast<uint64_t*>(to), m);
  }
}

void gather(Cpu&, const void* x, const int64_t* index, void* y, int64_t batch, int64_t rows, int64_t picks,
            size_t row_bytes, bool index_per_batch) {
  const auto* source = static_cast<const char*>(x);
  auto* target = static_cast<char*>(y);
  const int64_t total = batch * picks;
#pragma omp parallel for schedule(static) if (total * int64_t(row_bytes) > 4 * kParallelGrain)
  for (int64_t i = 0; i < total; ++i) {
    const int64_t b = i / picks, k = index_per_batch ? i : i % picks;
    std::memcpy(target + size_t(i) * row_bytes, source + size_t(b * rows + index[k]) * row_bytes, row_bytes);
  }
}

template <class T>
void scatter_add(Cpu&, const T* x, const int64_t* index, accumulator_t<T>* y, int64_t batch, int64_t rows,
                 int64_t picks, int64_t cols, bool index_per_batch) {
  using A = accumulator_t<T>;
  const int64_t work = batch * picks * cols;
  // Each worker owns a range of target rows, and adds to them in the order of the picks.
  const int64_t owners = batch >= 8 ? 1 : std::min<int64_t>(rows, threads());
#pragma omp parallel for collapse(2) schedule(static) if (work > kParallelGrain)
  for (int64_t b = 0; b < batch; ++b)
    for (int64_t o = 0; o < owners; ++o) {
      const int64_t first = rows * o / owners, end = rows * (o + 1) / owners;
      const int64_t* chosen = index + (index_per_batch ? b * picks : 0);
      for (int64_t k = 0; k < picks; ++k) {
        if (chosen[k] < first || chosen[k] >= end) continue;
        const T* row = x + (b * picks + k) * cols;
        A* sum = y + (b * rows + chosen[k]) * cols;
#pragma omp simd
        for (int64_t c = 0; c < cols; ++c) sum[c] += A(row[c]);
      }
    }
}
template void scatter_add<float>(Cpu&, const float*, const int64_t*, float*, int64_t, int64_t, int64_t, int64_t, bool);
template void scatter_add<double>(Cpu&, const double*, const int64_t*, double*, int64_t, int64_t, int64_t, int64_t,
                                  bool);
template void scatter_add<int64_t>(Cpu&, const int64_t*, const int64_t*, int64_t*, int64_t, int64_t, int64_t, int64_t,
                                   bool);
template void scatter_add<uint8_t>(Cpu&, const uint8_t*, const int64_t*, uint8_t*, int64_t, int64_t, int64_t, int64_t,
                                   bool);
template void scatter_add<bf16>(Cpu&, const bf16*, const int64_t*, float*, int64_t, int64_t, int64_t, int64_t, bool);

void put_rows(Cpu&, const void* x, const int64_t* index, void* y, int64_t rows, int64_t picks, size_t row_bytes) {
  const auto* source = static_cast<const char*>(x);
  auto* target = static_cast<char*>(y);
  // Each worker owns a range of target rows, and writes them in the order of the picks.
  const int64_t owners = std::min<int64_t>(rows, threads());
#pragma omp parallel for schedule(static) if (picks * int64_t(row_bytes) > 4 * kParallelGrain)
  for (int64_t o = 0; o < owners; ++o) {
    const int64_t first = rows * o / owners, end = rows * (o + 1) / owners;
    for (int64_t k = 0; k < picks; ++k)
      if (index[k] >= first && index[k] < end)
        std::memcpy(target + size_t(index[k]) * row_bytes, source + size_t(k) * row_bytes, row_bytes);
  }
}

int64_t find_out_of_range(Cpu&, const int64_t* index, int64_t n, int64_t limit) {
  for (int64_t k = 0; k < n; ++k)
    if (index[k] < 0 || index[k] >= limit) return k;
  return -1;
}

void one_hot(Cpu&, const int64_t* labels, float* y, int64_t n, int64_t classes) {
#pragma omp parallel for schedule(static) if (n * classes > kParallelGrain)
  for (int64_t i = 0; i < n; ++i) {
    std::fill(y + i * classes, y + (i + 1) * classes, 0.0f);
    y[i * classes + labels[i]] = 1;
  }
}

}  // namespace fovea::kernels
