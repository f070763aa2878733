#include <fovea/kernels/reduce.h>

#include <algorithm>

#include <fovea/kernels/base/for_each_part.h>
#include <fovea/kernels/rows/reduce_isa.h>
#include <fovea/kernels/scratch.h>

namespace fovea::kernels {

// y[o, i] = the blocks' results p[o, block, i] combined: sums in double.
template <class Op, class A>
static void combine_blocks(const A* p, A* y, int64_t outer, int64_t blocks, int64_t inner) {
#pragma omp parallel for collapse(2) schedule(static) if (outer * blocks * inner > kParallelGrain)
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t i = 0; i < inner; ++i) {
      double total = Op::template identity<double>();
      bool nan = false;
      for (int64_t b = 0; b < blocks; ++b) {
        const double part = double(p[(o * blocks + b) * inner + i]);
        total = Op::combine(total, part);
        nan |= Op::kNanWins && part != part;
      }
      y[o * inner + i] = nan ? A(NAN) : A(total);
    }
}

// Each of `outer` rows of `cols` elements to one value.
template <class Op, class Map, class T>
static void reduce_rows(const T* x, const accumulator_t<T>* a, accumulator_t<T>* y, int64_t outer, int64_t cols) {
  constexpr int64_t kBlock = 4096;
  const int64_t blocks = (cols + kBlock - 1) / kBlock, work = outer * cols;
  with_isa([&]<Isa I>() {
    if (blocks <= 1) {
      const int64_t rows = std::max<int64_t>(1, 8192 / std::max<int64_t>(1, cols)), parts = (outer + rows - 1) / rows;
#pragma omp parallel for schedule(static) if (work > kParallelGrain)
      for (int64_t p = 0; p < parts; ++p) {
        const int64_t r = p * rows;
        reduce_rows_loop<I, Op, Map>(x + r * cols, cols, Map::kReadsA ? a + r : a, y + r, std::min(rows, outer - r),
                                     cols);
      }
      return;
    }
    Scratch scratch;
    auto* partial = scratch.take<accumulator_t<T>>(size_t(outer * blocks));
#pragma omp parallel for collapse(2) schedule(static) if (work > kParallelGrain)
    for (int64_t o = 0; o < outer; ++o)
      for (int64_t b = 0; b < blocks; ++b)
        reduce_rows_loop<I, Op, Map>(x + o * cols + b * kBlock, 0, Map::kReadsA ? a + o : a, partial + o * blocks + b,
                                     1, std::min(kBlock, cols - b * kBlock));
    combine_blocks<Op>(partial, y, outer, blocks, 1);
  });
}

// Each of `outer` matrices [rows, cols] to one row.
template <class Op, class Map, class T>
static void reduce_columns(const T* x, const accumulator_t<T>* a, accumulator_t<T>* y, int64_t outer, int64_t rows,
                           int64_t cols) {
  constexpr int64_t kTile = 512;
  const int64_t block = std::clamp<int64_t>(16384 / cols, 64, 512),
                blocks = std::max<int64_t>(1, (rows + block - 1) / block);
  const int64_t tiles = (cols + kTile - 1) / kTile, work = outer * rows * cols;
  with_isa([&]<Isa I>() {
    Scratch scratch;
    auto* partial = blocks == 1 ? y : scratch.take<accumulator_t<T>>(size_t(outer * blocks * cols));
#pragma omp parallel for collapse(3) schedule(static) if (work > kParallelGrain)
    for (int64_t o = 0; o < outer; ++o)
      for (int64_t b = 0; b < blocks; ++b)
        for (int64_t t = 0; t < tiles; ++t) {
          const int64_t r = b * block, c = t * kTile;
          reduce_columns_loop<I, Op, Map>(x + (o * rows + r) * cols + c, cols, Map::kReadsA ? a + o * cols + c : a,
                                          partial + (o * blocks + b) * cols + c, std::min(block, rows - r),
                                          std::min(kTile, cols - c));
        }
    if (blocks > 1) combine_blocks<Op>(partial, y, outer, blocks, cols);
  });
}

template <class Op, class Map, class T>
static void reduce(const T* x, const accumulator_t<T>* a, accumulator_t<T>* y, const ReduceShape& s) {
  if (s.outer * s.inner == 0) return;
  if (s.inner == 1)
    reduce_rows<Op, Map>(x, a, y, s.outer, s.reduce);
  else
    reduce_columns<Op, Map>(x, a, y, s.outer, s.reduce, s.inner);
}

template <class Map, class T>
void reduce_sum(Cpu&, const T* x, const accumulator_t<T>* a, accumulator_t<T>* y, const ReduceShape& s, double scale) {
  reduce<Sum, Map>(x, a, y, s);
  if (scale == 1) return;
  for (int64_t i = 0; i < s.outer * s.inner; ++i) y[i] = accumulator_t<T>(y[i] * scale);
}

template <class T>
void reduce_max(Cpu&, const T* x, accumulator_t<T>* y, const ReduceShape& s) {
  reduce<Max, Itself>(x, static_cast<const accumulator_t<T>*>(nullptr), y, s);
}
template <class T>
void reduce_min(Cpu&, const T* x, accumulator_t<T>* y, const ReduceShape& s) {
  reduce<Min, Itself>(x, static_cast<const accumulator_t<T>*>(nullptr), y, s);
}

template <class Map, class T>
void reduce_spread(Cpu&, const accumulator_t<T>* dy, const T* x, const accumulator_t<T>* a, T* dx, const ReduceShape& s,
                   double scale) {
  Broadcast shape;
  if (s.inner == 1)
    shape = {2, {s.outer, s.reduce}, {s.reduce, 1}, {1, 0}, s.outer * s.reduce};
  else
    shape = {3,
             {s.outer, s.reduce, s.inner},
             {s.reduce * s.inner, s.inner, 1},
             {s.inner, 0, 1},
             s.outer * s.reduce * s.inner};
  if (shape.numel == 0) return;
  with_isa([&]<Isa I>() {
    for_each_part(shape.numel, [&](int64_t begin, int64_t end) {
      for_each_run(shape, begin, end, [&](int64_t i, int64_t, int64_t j, int64_t step, int64_t, int64_t count) {
        spread_loop<I, Map>(dy + j, Map::kReadsX ? x + i : x, Map::kReadsA ? a + j : a, step, dx + i, count,
                            accumulator_t<T>(scale));
      });
    });
  });
}

template <class T>
void argmax(Cpu&, const T* x, int64_t* y, const ReduceShape& s) {
  using A = accumulator_t<T>;
  const int64_t results = s.outer * s.inner;
#pragma omp parallel for schedule(static) if (results * s.reduce > kParallelGrain)
  for (int64_t k = 0; k < results; ++k) {
    const T* column = x + k / s.inner * s.reduce * s.inner + k % s.inner;
    int64_t best = 0;
    A largest = A(column[0]);
    for (int64_t r = 1; r < s.reduce && largest == largest; ++r) {
      A value = A(column[r * s.inner]);
      if (value > largest || value != value) best = r, largest = value;
    }
    y[k] = best;
  }
}

// Calls body(first, count) for groups of rows, in parallel when there is work for it.
template <class F>
static void for_each_row_group(int64_t rows, int64_t cols, F&& body) {
  const int64_t group = std::max<int64_t>(1, 4096 / std::max<int64_t>(1, cols)), groups = (rows + group - 1) / group;
#pragma omp parallel for schedule(static) if (rows * cols > kParallelGrain)
  for (int64_t g = 0; g < groups; ++g) body(g * group, std::min(group, rows - g * group));
}

template <class T>
void normalize_rows(Cpu&, const T* x, T* y, accumulator_t<T>* norm, int64_t rows, int64_t cols, double eps) {
  with_isa([&]<Isa I>() {
    for_each_row_group(rows, cols, [&](int64_t r, int64_t count) {
      normalize_loop<I>(x + r * cols, y + r * cols, norm + r, count, cols, accumulator_t<T>(eps));
    });
  });
}

template <class T>
void normalize_rows_backward(Cpu&, const T* dy, const T* y, const accumulator_t<T>* norm, T* dx, int64_t rows,
                             int64_t cols, double eps) {
  with_isa([&]<Isa I>() {
    for_each_row_group(rows, cols, [&](int64_t r, int64_t count) {
      normalize_backward_loop<I>(dy + r * cols, y + r * cols, norm + r, dx + r * cols, count, cols,
                                 accumulator_t<T>(eps));
    });
  });
}

template <class T>
void cosine_rows(Cpu&, const T* a, const T* b, accumulator_t<T>* y, accumulator_t<T>* norms, int64_t rows, int64_t cols,
                 double eps) {
  with_isa([&]<Isa I>() {
    for_each_row_group(rows, cols, [&](int64_t r, int64_t count) {
      cosine_loop<I>(a + r * cols, b + r * cols, y + r, norms + 2 * r, count, cols, accumulator_t<T>(eps));
    });
  });
}

template <class T>
void cosine_rows_backward(Cpu&, const accumulator_t<T>* dy, const T* a, const T* b, const accumulator_t<T>* y,
                          const accumulator_t<T>* norms, T* da, T* db, int64_t rows, int64_t cols, double eps) {
  with_isa([&]<Isa I>() {
    for_each_row_group(rows, cols, [&](int64_t r, int64_t count) {
      const int64_t i = r * cols;
      const auto e = accumulator_t<T>(eps);
      if (da) cosine_backward_loop<I>(dy + r, a + i, b + i, y + r, norms + 2 * r, 0, da + i, count, cols, e);
      if (db) cosine_backward_loop<I>(dy + r, b + i, a + i, y + r, norms + 2 * r, 1, db + i, count, cols, e);
    });
  });
}

#define FOVEA_INSTANTIATE_SUM(Map, T)                                                                              \
  template void reduce_sum<Map, T>(Cpu&, const T*, const accumulator_t<T>*, accumulator_t<T>*, const ReduceShape&, \
                                   double);
#define FOVEA_INSTANTIATE_SPREAD(Map, T)                                                                    \
  template void reduce_spread<Map, T>(Cpu&, const accumulator_t<T>*, const T*, const accumulator_t<T>*, T*, \
                                      const ReduceShape&, double);
#define FOVEA_INSTANTIATE(T)                                                                                        \
  FOVEA_INSTANTIATE_SUM(Itself, T)                                                                                  \
  FOVEA_INSTANTIATE_SUM(CenteredSquare, T)                                                                          \
  FOVEA_INSTANTIATE_SUM(ExpShifted, T)                                                                              \
  FOVEA_INSTANTIATE_SUM(EqualTo, T)                                                                                 \
  FOVEA_SPREADS(FOVEA_INSTANTIATE_SPREAD, T)                                                                        \
  template void reduce_max<T>(Cpu&, const T*, accumulator_t<T>*, const ReduceShape&);                               \
  template void reduce_min<T>(Cpu&, const T*, accumulator_t<T>*, const ReduceShape&);                               \
  template void argmax<T>(Cpu&, const T*, int64_t*, const ReduceShape&);                                            \
  template void normalize_rows<T>(Cpu&, const T*, T*, accumulator_t<T>*, int64_t, int64_t, double);                 \
  template void normalize_rows_backward<T>(Cpu&, const T*, const T*, const accumulator_t<T>*, T*, int64_t, int64_t, \
                                           double);                                                                 \
  template void cosine_rows<T>(Cpu&, const T*, const T*, accumulator_t<T>*, accumulator_t<T>*, int64_t, int64_t,    \
                               double);                                                                             \
  template void cosine_rows_backward<T>(Cpu&, const accumulator_t<T>*, const T*, const T*, const accumulator_t<T>*, \
                                        const accumulator_t<T>*, T*, T*, int64_t, int64_t, double);
FOVEA_INSTANTIATE(float)
FOVEA_INSTANTIATE(double)
FOVEA_INSTANTIATE(bf16)

}  // namespace fovea::kernels
