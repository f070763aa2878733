#include <fovea/kernels/contrastive.h>

#include <omp.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>

#include <fovea/kernels/base/matmul_tile_isa.h>
#include <fovea/kernels/scratch.h>
#include <fovea/kernels/similarity/nt_xent_isa.h>
#include <fovea/kernels/vector_math.h>

namespace fovea::kernels {
namespace {

constexpr int64_t kStrip = 48;   // rows of similarities that are in work at once, a multiple of every Tile::kRows
constexpr int64_t kBlock = 256;  // columns, a multiple of every Tile::kCols
constexpr int64_t kGrain = int64_t(1) << 22;  // products that are not worth a second thread

// One side of a matrix of similarities: rows of length 1, and packed for the right of a product.
template <Isa I, class T>
struct Side {
  using Acc = accumulator_t<T>;
  int64_t count, dim, ld;
  Acc *unit, *norm, *panels;

  // `first` holds the rows up to `split`, `second` the rest.
  Side(Scratch& scratch, const T* first, const T* second, int64_t split, int64_t rows, int64_t width)
      : count(rows),
        dim(width),
        ld(Tile<I, Acc>::padded(width)),
        unit(scratch.take<Acc>(size_t(rows * ld))),
        norm(scratch.take<Acc>(size_t(rows))),
        panels(scratch.take<Acc>(size_t((rows + kBlock - 1) / kBlock * kBlock * width))) {
#pragma omp parallel for schedule(static) if (count * dim > kParallelGrain)
    for (int64_t row = 0; row < count; row += kBlock) {
      int64_t last = std::min(count, row + kBlock), middle = std::clamp(split, row, last);
      unit_rows<I>(first + row * dim, middle - row, dim, unit + row * ld, ld, norm + row);
      unit_rows<I>(second + (middle - split) * dim, last - middle, dim, unit + middle * ld, ld, norm + middle);
      pack_panels<I>(dim, last - row, unit + row * ld, 1, ld, Acc(1), panels + row * dim);
    }
  }
  Side(Scratch& scratch, const T* rows, int64_t number, int64_t width)
      : Side(scratch, rows, rows, number, number, width) {}

  double cosine(int64_t row, const Side& other, int64_t of) const {
    double dot = 0;
    for (int64_t d = 0; d < dim; ++d) dot += double(unit[row * ld + d]) * double(other.unit[of * ld + d]);
    return dot;
  }
};

// Which column is a row's positive, and what its softmax leaves out.
struct Pairing {
  int64_t shift = -1, count = 0;  // (row + shift) % count; shift -1: none among the columns
  bool without_self = false, without_positive = false;

  int64_t positive(int64_t row) const { return shift < 0 ? -1 : (row + shift) % count; }
};

template <Isa I, class T>
class Stream {
  using Acc = accumulator_t<T>;

 public:
  Stream(Scratch& scratch, const Side<I, T>& x, const Side<I, T>& y, Pairing pairing)
      : x_(x),
        y_(y),
        pairing_(pairing),
        team_(x.count * y.count * x.dim > kGrain ? threads() : 1),
        strips_(scratch.take<Acc>(size_t(team_ * kStrip * kBlock))) {}

  // lse[row] = log of the sum over columns of exp(scale cos); a row's extra[row] joins where given.
  void log_sums(Acc scale, const double* extra, Acc* lse) const {
    const Acc lowest = -std::numeric_limits<Acc>::max() / 4;
    for_each_rows([&](int64_t row, int64_t rows, auto&& for_each_tile) {
      Acc top[kStrip], before[kStrip];
      double sums[kStrip];
      for (int64_t r = 0; r < rows; ++r) {
        top[r] = extra ? Acc(extra[row + r]) : lowest;
        sums[r] = extra ? std::exp(extra[row + r] - double(top[r])) : 0;
      }
      for_each_tile([&](Acc* s, int64_t, int64_t cols) {
        std::copy_n(top, rows, before);
        strip_max<I>(s, kBlock, rows, cols, scale, top, static_cast<Acc*>(nullptr));
        for (int64_t r = 0; r < rows; ++r) sums[r] *= std::exp(double(before[r]) - double(top[r]));
        Logits<Acc> logits{scale, false, 0, top, nullptr};
        strip_sums<I>(s, kBlock, rows, cols, logits, sums, static_cast<Acc*>(nullptr));
      });
      for (int64_t r = 0; r < rows; ++r) lse[row + r] = Acc(double(top[r]) + std::log(sums[r]));
    });
  }

  // total[row] = sum over the columns of softplus(+-(scale cos + bias)).
  void soft_pluses(Acc scale, Acc bias, double* total) const {
    for_each_rows([&](int64_t row, int64_t rows, auto&& for_each_tile) {
      std::fill_n(total + row, rows, 0.0);
      for_each_tile([&](const Acc* s, int64_t col, int64_t cols) {
        for (int64_t r = 0; r < rows; ++r) {
          Acc sum = 0;
          for (int64_t c = 0; c < cols; ++c) {
            Acc v = scale * s[r * kBlock + c] + bias;
            if (col + c == pairing_.positive(row + r)) v = -v;
            sum += (v > 0 ? v : 0) + math::log1p(math::exp(-math::abs(v)));
          }
          total[row + r] += double(sum);
        }
      });
    });
  }

  // sum [rows, ld] += sum over the columns of weight_ij y_j. weigh(s, row, rows, col, cols) turns cosines into weights.
  template <class Weigh>
  void gradient(Acc* sum, Weigh&& weigh) const {
    for_each_rows([&](int64_t row, int64_t rows, auto&& for_each_tile) {
      std::fill_n(sum + row * x_.ld, rows * x_.ld, Acc(0));
      for_each_tile([&](Acc* s, int64_t col, int64_t cols) {
        weigh(s, row, rows, col, cols);
        tile_gemm<I>(rows, y_.ld, cols, Left<Acc>{s, kBlock, 1},
                     Right<Acc>{y_.unit + col * y_.ld, y_.ld, Tile<I, Acc>::kCols}, sum + row * x_.ld, x_.ld, true);
      });
    });
  }

 private:
  template <class F>
  void for_each_rows(F&& body) const {
#pragma omp parallel for schedule(static) num_threads(team_) if (team_ > 1)
    for (int64_t row = 0; row < x_.count; row += kStrip) {
      Acc* s = strips_ + omp_get_thread_num() * kStrip * kBlock;
      int64_t rows = std::min(kStrip, x_.count - row);
      body(row, rows, [&](auto&& tile) {
        for (int64_t col = 0; col < y_.count; col += kBlock) {
          int64_t cols = std::min(kBlock, y_.count - col);
          tile_gemm<I>(rows, cols, x_.dim, Left<Acc>{x_.unit + row * x_.ld, x_.ld, 1},
                       packed<I>(static_cast<const Acc*>(y_.panels + col * y_.dim), y_.dim), s, kBlock, false);
          for (int64_t r = 0; r < rows; ++r) {
            auto leave_out = [&](int64_t of) {
              if (of >= col && of < col + cols) s[r * kBlock + of - col] = -std::numeric_limits<Acc>::infinity();
            };
            if (pairing_.without_self) leave_out(row + r);
            if (pairing_.without_positive) leave_out(pairing_.positive(row + r));
          }
          tile(s, col, cols);
        }
      });
    }
  }

  const Side<I, T>&x_, &y_;
  Pairing pairing_;
  int team_;
  Acc* strips_;
};

// Weights of a loss of softmaxes over rows, and over columns where col_lse is given, against positives of `weight`.
template <Isa I, class T>
auto softmax_weights(Pairing pairing, accumulator_t<T> scale, const accumulator_t<T>* row_lse,
                     const accumulator_t<T>* col_lse, const accumulator_t<T>* weight, int64_t pairs) {
  using Acc = accumulator_t<T>;
  return
      [pairing, scale, row_lse, col_lse, weight, pairs](Acc* s, int64_t row, int64_t rows, int64_t col, int64_t cols) {
        Acc none[kBlock];
        if (!col_lse) std::fill_n(none, cols, std::numeric_limits<Acc>::infinity());
        strip_weights<I>(s, kBlock, rows, cols,
                         Logits<Acc>{scale, false, 0, row_lse + row, col_lse ? col_lse + col : none});
        for (int64_t r = 0; r < rows; ++r) {
          int64_t of = pairing.positive(row + r) - col;
          if (of >= 0 && of < cols) s[r * kBlock + of] -= 2 * (weight ? weight[(row + r) % pairs] : Acc(1));
        }
      };
}

// dz = the gradient of rows that were normalised; returns the sum of cos times its gradient.
template <Isa I, class T>
double finish(Scratch& scratch, const Side<I, T>& x, const accumulator_t<T>* sum, double factor, int64_t split,
              T* first, T* second) {
  using Acc = accumulator_t<T>;
  Acc* none = scratch.take<Acc>(size_t(x.ld));
  std::fill_n(none, x.ld, Acc(0));
  double dots = 0;
  for (int64_t i = 0; i < x.count; ++i) {
    T* to = i < split ? first : second;
    if (to)
      unit_rows_backward<I>(sum + i * x.ld, x.unit + i * x.ld, none, x.norm + i, x.ld, Acc(factor),
                            to + (i < split ? i : i - split) * x.dim, 1, x.dim);
    for (int64_t d = 0; d < x.dim; ++d) dots += double(sum[i * x.ld + d]) * double(x.unit[i * x.ld + d]);
  }
  return dots;
}

Pairing matching(int64_t pairs) {
  return {0, pairs};
}
Pairing decoupled(int64_t pairs) {
  return {pairs, 2 * pairs, true, true};
}

}  // namespace

template <class T>
void dcl(Cpu&, NtXent shape, const T* z0, const T* z1, const accumulator_t<T>* weight, accumulator_t<T>* loss,
         accumulator_t<T>* lse) {
  with_isa([&]<Isa I>() {
    Scratch scratch;
    int64_t n = 2 * shape.pairs;
    Pairing pairing = decoupled(shape.pairs);
    Side<I, T> z(scratch, z0, z1, shape.pairs, n, shape.dim);
    Stream<I, T>(scratch, z, z, pairing).log_sums(accumulator_t<T>(1 / shape.temperature), nullptr, lse);
    double total = 0;
    for (int64_t i = 0; i < n; ++i)
      total += double(lse[i]) -
               (weight ? double(weight[i % shape.pairs]) : 1) * z.cosine(i, z, pairing.positive(i)) / shape.temperature;
    *loss = accumulator_t<T>(total / double(n));
  });
}

template <class T>
void dcl_backward(Cpu&, NtXent shape, const T* z0, const T* z1, const accumulator_t<T>* weight,
                  const accumulator_t<T>* lse, const accumulator_t<T>* dy, T* dz0, T* dz1) {
  using Acc = accumulator_t<T>;
  with_isa([&]<Isa I>() {
    Scratch scratch;
    int64_t n = 2 * shape.pairs;
    Pairing pairing = decoupled(shape.pairs);
    Side<I, T> z(scratch, z0, z1, shape.pairs, n, shape.dim);
    Acc* sum = scratch.take<Acc>(size_t(n * z.ld));
    Stream<I, T>(scratch, z, z, pairing)
        .gradient(sum, softmax_weights<I, T>(pairing, Acc(1 / shape.temperature), lse, lse, weight, shape.pairs));
    finish(scratch, z, sum, double(*dy) / (shape.temperature * double(n)), shape.pairs, dz0, dz1);
  });
}

template <class T>
void info_nce(Cpu&, InfoNce shape, const T* query, const T* key, const T* queue, accumulator_t<T>* loss,
              accumulator_t<T>* lse) {
  with_isa([&]<Isa I>() {
    Scratch scratch;
    Side<I, T> q(scratch, query, shape.queries, shape.dim), k(scratch, key, shape.queries, shape.dim),
        negatives(scratch, queue, shape.negatives, shape.dim);
    double *positive = scratch.take<double>(size_t(shape.queries)), total = 0;
    for (int64_t i = 0; i < shape.queries; ++i) positive[i] = q.cosine(i, k, i) / shape.temperature;
    Stream<I, T>(scratch, q, negatives, {}).log_sums(accumulator_t<T>(1 / shape.temperature), positive, lse);
    for (int64_t i = 0; i < shape.queries; ++i) total += double(lse[i]) - positive[i];
    *loss = accumulator_t<T>(total / double(shape.queries));
  });
}

template <class T>
void info_nce_backward(Cpu&, InfoNce shape, const T* query, const T* key, const T* queue, const accumulator_t<T>* lse,
                       const accumulator_t<T>* dy, T* dquery, T* dkey) {
  using Acc = accumulator_t<T>;
  with_isa([&]<Isa I>() {
    Scratch scratch;
    Side<I, T> q(scratch, query, shape.queries, shape.dim), k(scratch, key, shape.queries, shape.dim),
        negatives(scratch, queue, shape.negatives, shape.dim);
    double factor = double(*dy) / (shape.temperature * double(shape.queries));
    Acc *sum = scratch.take<Acc>(size_t(shape.queries * q.ld)), *share = scratch.take<Acc>(size_t(shape.queries));
    for (int64_t i = 0; i < shape.queries; ++i)
      share[i] = Acc(std::exp(q.cosine(i, k, i) / shape.temperature - double(lse[i])) - 1);
    auto add_share = [&](const Side<I, T>& of) {
      for (int64_t i = 0; i < shape.queries; ++i)
        for (int64_t d = 0; d < shape.dim; ++d) sum[i * of.ld + d] += share[i] * of.unit[i * of.ld + d];
    };
    if (dquery) {
      Stream<I, T>(scratch, q, negatives, {})
          .gradient(sum, softmax_weights<I, T>({}, Acc(1 / shape.temperature), lse, nullptr, nullptr, 1));
      add_share(k);
      finish(scratch, q, sum, factor, shape.queries, dquery, dquery);
    }
    if (dkey) {
      std::fill_n(sum, shape.queries * q.ld, Acc(0));
      add_share(q);
      finish(scratch, k, sum, factor, shape.queries, dkey, dkey);
    }
  });
}

template <class T>
void clip(Cpu&, Towers shape, const T* x, const T* y, const accumulator_t<T>* log_scale, accumulator_t<T>* loss,
          accumulator_t<T>* lse) {
  with_isa([&]<Isa I>() {
    Scratch scratch;
    const int64_t n = shape.pairs;
    const double scale = std::exp(double(*log_scale));
    Side<I, T> a(scratch, x, n, shape.dim), b(scratch, y, n, shape.dim);
    Stream<I, T>(scratch, a, b, matching(n)).log_sums(accumulator_t<T>(scale), nullptr, lse);
    Stream<I, T>(scratch, b, a, matching(n)).log_sums(accumulator_t<T>(scale), nullptr, lse + n);
    double total = 0;
    for (int64_t i = 0; i < n; ++i) total += (double(lse[i]) + double(lse[n + i])) / 2 - scale * a.cosine(i, b, i);
    *loss = accumulator_t<T>(total / double(n));
  });
}

template <class T>
void clip_backward(Cpu&, Towers shape, const T* x, const T* y, const accumulator_t<T>* log_scale,
                   const accumulator_t<T>* lse, const accumulator_t<T>* dloss, T* dx, T* dy,
                   accumulator_t<T>* dlog_scale) {
  using Acc = accumulator_t<T>;
  with_isa([&]<Isa I>() {
    Scratch scratch;
    const int64_t n = shape.pairs;
    const double scale = std::exp(double(*log_scale)), factor = double(*dloss) * scale / double(2 * n);
    Side<I, T> a(scratch, x, n, shape.dim), b(scratch, y, n, shape.dim);
    Acc* sum = scratch.take<Acc>(size_t(n * a.ld));
    auto half = [&](const Side<I, T>& rows, const Side<I, T>& cols, const Acc* row_lse, const Acc* col_lse, T* to) {
      Stream<I, T>(scratch, rows, cols, matching(n))
          .gradient(sum, softmax_weights<I, T>(matching(n), Acc(scale), row_lse, col_lse, nullptr, n));
      return finish(scratch, rows, sum, factor, n, to, to);
    };
    if (dx || dlog_scale) {
      double dots = half(a, b, lse, lse + n, dx);
      if (dlog_scale) *dlog_scale = Acc(factor * dots);
    }
    if (dy) half(b, a, lse + n, lse, dy);
  });
}

template <class T>
void siglip(Cpu&, Towers shape, const T* x, const T* y, const accumulator_t<T>* log_scale, const accumulator_t<T>* bias,
            accumulator_t<T>* loss) {
  with_isa([&]<Isa I>() {
    Scratch scratch;
    const int64_t n = shape.pairs;
    Side<I, T> a(scratch, x, n, shape.dim), b(scratch, y, n, shape.dim);
    double *rows = scratch.take<double>(size_t(n)), total = 0;
    Stream<I, T>(scratch, a, b, matching(n)).soft_pluses(accumulator_t<T>(std::exp(double(*log_scale))), *bias, rows);
    for (int64_t i = 0; i < n; ++i) total += rows[i];
    *loss = accumulator_t<T>(total / double(n));
  });
}

template <class T>
void siglip_backward(Cpu&, Towers shape, const T* x, const T* y, const accumulator_t<T>* log_scale,
                     const accumulator_t<T>* bias, const accumulator_t<T>* dloss, T* dx, T* dy,
                     accumulator_t<T>* dlog_scale, accumulator_t<T>* dbias) {
  using Acc = accumulator_t<T>;
  with_isa([&]<Isa I>() {
    Scratch scratch;
    const int64_t n = shape.pairs;
    const double scale = std::exp(double(*log_scale)), factor = double(*dloss) / double(n);
    Side<I, T> a(scratch, x, n, shape.dim), b(scratch, y, n, shape.dim);
    Acc* sum = scratch.take<Acc>(size_t(n * a.ld));
    double* all = scratch.take<double>(size_t(n));
    auto half = [&](const Side<I, T>& rows, const Side<I, T>& cols, T* to) {
      std::fill_n(all, n, 0.0);
      Stream<I, T>(scratch, rows, cols, matching(n))
          .gradient(sum, [&](Acc* s, int64_t row, int64_t count, int64_t col, int64_t width) {
            for (int64_t r = 0; r < count; ++r)
              for (int64_t c = 0; c < width; ++c) {
                Acc &w = s[r * kBlock + c], v = Acc(scale) * w + *bias;
                w = row + r == col + c ? -1 / (1 + math::exp(v)) : 1 / (1 + math::exp(-v));
                all[row + r] += double(w);
              }
          });
      return finish(scratch, rows, sum, factor * scale, n, to, to);
    };
    if (dx || dlog_scale || dbias) {
      double dots = half(a, b, dx), weights = 0;
      for (int64_t i = 0; i < n; ++i) weights += all[i];
      if (dlog_scale) *dlog_scale = Acc(factor * scale * dots);
      if (dbias) *dbias = Acc(factor * weights);
    }
    if (dy) half(b, a, dy);
  });
}

#define FOVEA_INSTANTIATE(T, Acc)                                                                                      \
  template void dcl<T>(Cpu&, NtXent, const T*, const T*, const Acc*, Acc*, Acc*);                                      \
  template void dcl_backward<T>(Cpu&, NtXent, const T*, const T*, const Acc*, const Acc*, const Acc*, T*, T*);         \
  template void info_nce<T>(Cpu&, InfoNce, const T*, const T*, const T*, Acc*, Acc*);                                  \
  template void info_nce_backward<T>(Cpu&, InfoNce, const T*, const T*, const T*, const Acc*, const Acc*, T*, T*);     \
  template void clip<T>(Cpu&, Towers, const T*, const T*, const Acc*, Acc*, Acc*);                                     \
  template void clip_backward<T>(Cpu&, Towers, const T*, const T*, const Acc*, const Acc*, const Acc*, T*, T*, Acc*);  \
  template void siglip<T>(Cpu&, Towers, const T*, const T*, const Acc*, const Acc*, Acc*);                             \
  template void siglip_backward<T>(Cpu&, Towers, const T*, const T*, const Acc*, const Acc*, const Acc*, T*, T*, Acc*, \
                                   Acc*);
FOVEA_INSTANTIATE(float, float)
FOVEA_INSTANTIATE(double, double)
FOVEA_INSTANTIATE(bf16, float)

}  // namespace fovea::kernels
