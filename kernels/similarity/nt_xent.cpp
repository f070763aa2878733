#include <fovea/kernels/nt_xent.h>

#include <omp.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>
#include <thread>
#include <vector>

#include <fovea/kernels/base/matmul_tile_isa.h>
#include <fovea/kernels/scratch.h>
#include <fovea/kernels/similarity/nt_xent_isa.h>

namespace fovea::kernels {
namespace {

constexpr int64_t kStrip = 48;      // rows of similarities that are in work at once, a multiple of every Tile::kRows
constexpr int64_t kMaxBlock = 256;  // rows of a block, a multiple of every Tile::kCols
constexpr int64_t kGrain = int64_t(1) << 26;  // products that take a millisecond: less is not worth a second thread
constexpr double kMaxSpread = 80;             // exp(-spread) is still a normal float: one shift serves all rows

int64_t divide_up(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

// Pairs of blocks in the rounds of a round-robin tournament, each block first with itself. A pair may meet once both
// have finished their earlier rounds: whoever is free takes a pair that is ready, so that a thread that waits for a
// core holds up few others, and yet every block meets the rest in the same order every time.
class Tournament {
 public:
  explicit Tournament(int64_t blocks) : seats_(divide_up(blocks, 2) * 2), met_(size_t(blocks)), busy_(size_t(blocks)) {
    left_ = blocks * (blocks + 1) / 2;
  }

  enum class Next { pair, wait, over };
  Next next(int64_t& a, int64_t& b) {
    std::lock_guard lock(mutex_);
    if (left_ == 0) return Next::over;
    const int64_t blocks = int64_t(met_.size());
    int64_t best = seats_;
    for (int64_t i = 0; i < blocks; ++i) {
      if (busy_[size_t(i)]) continue;
      if (met_[size_t(i)] < seats_ && opponent(i) >= blocks) ++met_[size_t(i)];  // nobody to meet in this round
      if (met_[size_t(i)] >= best) continue;
      int64_t j = opponent(i);
      if (busy_[size_t(j)] || met_[size_t(j)] != met_[size_t(i)]) continue;
      best = met_[size_t(i)], a = std::min(i, j), b = std::max(i, j);
    }
    if (best == seats_) return Next::wait;
    busy_[size_t(a)] = busy_[size_t(b)] = 1;
    --left_;
    return Next::pair;
  }
  void finish(int64_t a, int64_t b) {
    std::lock_guard lock(mutex_);
    busy_[size_t(a)] = busy_[size_t(b)] = 0;
    ++met_[size_t(a)];
    if (a != b) ++met_[size_t(b)];
  }

 private:
  // Seat 0 stays, the others move round; those across the table meet.
  int64_t opponent(int64_t block) const {
    int64_t round = met_[size_t(block)] - 1, moving = seats_ - 1;
    if (round < 0) return block;
    int64_t seat = block == 0 ? 0 : 1 + (block - 1 + moving - round % moving) % moving;
    int64_t across = seats_ - 1 - seat;
    return across == 0 ? 0 : 1 + (across - 1 + round) % moving;
  }

  std::mutex mutex_;
  int64_t seats_, left_;
  std::vector<int64_t> met_;  // rounds a block has finished
  std::vector<uint8_t> busy_;
};

// The rows of both views, normalised, in blocks that meet in pairs.
template <Isa I, class T>
class Rows {
  using Acc = accumulator_t<T>;
  using Block = Tile<I, Acc>;

 public:
  Rows(NtXent shape, const T* z0, const T* z1)
      : n_(2 * shape.pairs),
        dim_(shape.dim),
        ld_(Block::padded(dim_)),
        block_(n_ >= 4096   ? kMaxBlock
               : n_ >= 1024 ? 128
                            : 64),
        blocks_(divide_up(n_, block_)),
        team_(n_ * n_ * dim_ > kGrain ? threads() : 1),
        scale_(1 / shape.temperature),
        common_(2 * scale_ <= kMaxSpread),
        unit_(scratch_.take<Acc>(size_t(n_ * ld_))),
        norm_(scratch_.take<Acc>(size_t(n_))),
        panels_(scratch_.take<Acc>(size_t(blocks_ * block_ * dim_))),
        strips_(scratch_.take<Acc>(size_t(team_ * kStrip * kMaxBlock))) {
#pragma omp parallel for schedule(static) num_threads(team_) if (team_ > 1)
    for (int64_t b = 0; b < blocks_; ++b) {
      int64_t first = b * block_, last = first + count(b), middle = std::clamp(shape.pairs, first, last);
      unit_rows<I>(z0 + first * dim_, middle - first, dim_, unit(first), ld_, norm_ + first);
      unit_rows<I>(z1 + (middle - shape.pairs) * dim_, last - middle, dim_, unit(middle), ld_, norm_ + middle);
      pack_panels<I>(dim_, count(b), unit(first), 1, ld_, Acc(1), panels_ + first * dim_);
    }
  }

  int64_t ld() const {
    return ld_;
  }
  Acc* unit(int64_t row) const {
    return unit_ + row * ld_;
  }
  const Acc* norm(int64_t row) const {
    return norm_ + row;
  }
  Scratch& scratch() {
    return scratch_;
  }
  bool common() const {
    return common_;
  }
  Acc scale() const {
    return Acc(scale_);
  }
  template <class F>
  void for_each_block(F&& body) const {
#pragma omp parallel for schedule(static) num_threads(team_) if (team_ > 1)
    for (int64_t b = 0; b < blocks_; ++b) body(b * block_, count(b));
  }

  // body(s, row, rows, col, cols) for strips of similarities that cover every pair of different blocks once and every
  // block with itself, there with -infinity on the diagonal. The strip belongs to the body. Two calls at one time never
  // share a row or a column, and each row is met in the same order every time.
  template <class F>
  void for_each_strip(F&& body) const {
    Tournament tournament(blocks_);
#pragma omp parallel num_threads(team_) if (team_ > 1)
    for (int64_t a = 0, b = 0;;) {
      Tournament::Next next = tournament.next(a, b);
      if (next == Tournament::Next::over) break;
      if (next == Tournament::Next::wait) {
        std::this_thread::yield();
        continue;
      }
      meet(a, b, body);
      tournament.finish(a, b);
    }
  }

 private:
  int64_t count(int64_t b) const {
    return std::min(block_, n_ - b * block_);
  }

  template <class F>
  void meet(int64_t a, int64_t b, F&& body) const {
    Acc* s = strips_ + omp_get_thread_num() * kStrip * kMaxBlock;
    Right<Acc> right = packed<I>(static_cast<const Acc*>(panels_ + b * block_ * dim_), dim_);
    int64_t cols = count(b);
    for (int64_t i = 0; i < count(a); i += kStrip) {
      int64_t rows = std::min(kStrip, count(a) - i), row = a * block_ + i;
      tile_gemm<I>(rows, cols, dim_, Left<Acc>{unit(row), ld_, 1}, right, s, kMaxBlock, false);
      if (a == b)
        for (int64_t r = 0; r < rows; ++r) s[r * kMaxBlock + i + r] = -std::numeric_limits<Acc>::infinity();
      body(s, row, rows, b * block_, cols);
    }
  }

  Scratch scratch_;
  int64_t n_, dim_, ld_, block_, blocks_;
  int team_;
  double scale_;
  bool common_;
  Acc *unit_, *norm_, *panels_, *strips_;
};

// The logits of one strip. Off the diagonal a strip serves its columns too.
bool off_diagonal(int64_t row, int64_t rows, int64_t col, int64_t cols) {
  return row + rows <= col || col + cols <= row;
}

template <Isa I, class T>
void forward(NtXent shape, const T* z0, const T* z1, accumulator_t<T>* loss, accumulator_t<T>* lse) {
  using Acc = accumulator_t<T>;
  Rows<I, T> all(shape, z0, z1);
  int64_t n = 2 * shape.pairs;
  Acc scale = all.scale(), *shift = all.scratch().template take<Acc>(size_t(n));
  double* sums = all.scratch().template take<double>(size_t(n));
  std::fill_n(sums, n, 0.0);
  // Rows are of length 1, so no logit is larger than `scale`: unless logits spread too far, that is everyone's shift.
  std::fill_n(shift, n, all.common() ? scale : -std::numeric_limits<Acc>::infinity());
  if (!all.common())
    all.for_each_strip([&](const Acc* s, int64_t row, int64_t rows, int64_t col, int64_t cols) {
      strip_max<I>(s, kMaxBlock, rows, cols, scale, shift + row,
                   off_diagonal(row, rows, col, cols) ? shift + col : nullptr);
    });
  all.for_each_strip([&](const Acc* s, int64_t row, int64_t rows, int64_t col, int64_t cols) {
    Logits<Acc> logits{scale, all.common(), scale, shift + row, shift + col};
    Acc columns[kMaxBlock] = {};
    bool both = off_diagonal(row, rows, col, cols);
    strip_sums<I>(s, kMaxBlock, rows, cols, logits, sums + row, both ? columns : nullptr);
    for (int64_t c = 0; both && c < cols; ++c) sums[col + c] += double(columns[c]);
  });
  double total = 0;
  for (int64_t i = 0; i < n; ++i) {
    double log_sum = double(shift[i]) + std::log(sums[i]), positive = 0;
    lse[i] = Acc(log_sum);
    const Acc *u = all.unit(i), *v = all.unit((i + shape.pairs) % n);
    for (int64_t d = 0; d < shape.dim; ++d) positive += double(u[d]) * double(v[d]);
    total += log_sum - positive / shape.temperature;
  }
  *loss = Acc(total / double(n));
}

template <Isa I, class T>
void backward(NtXent shape, const T* z0, const T* z1, const accumulator_t<T>* lse, const accumulator_t<T>* dy, T* dz0,
              T* dz1) {
  using Acc = accumulator_t<T>;
  using Block = Tile<I, Acc>;
  Rows<I, T> all(shape, z0, z1);
  int64_t n = 2 * shape.pairs, ld = all.ld();
  Acc scale = all.scale(), *sum = all.scratch().template take<Acc>(size_t(n * ld)),
      *own = all.scratch().template take<Acc>(size_t(n));
  for (int64_t i = 0; i < n; ++i) own[i] = all.common() ? Acc(std::exp(double(scale) - double(lse[i]))) : lse[i];
  all.for_each_block([&](int64_t row, int64_t rows) { std::fill_n(sum + row * ld, rows * ld, Acc(0)); });
  // d loss / d s_ij = softmax_ij + softmax_ji: the weights w with which rows j add up to row i's gradient, and back.
  all.for_each_strip([&](Acc* s, int64_t row, int64_t rows, int64_t col, int64_t cols) {
    strip_weights<I>(s, kMaxBlock, rows, cols, Logits<Acc>{scale, all.common(), scale, own + row, own + col});
    tile_gemm<I>(rows, ld, cols, Left<Acc>{s, kMaxBlock, 1}, Right<Acc>{all.unit(col), ld, Block::kCols},
                 sum + row * ld, ld, true);
    if (off_diagonal(row, rows, col, cols))
      tile_gemm<I>(cols, ld, rows, Left<Acc>{s, 1, kMaxBlock}, Right<Acc>{all.unit(row), ld, Block::kCols},
                   sum + col * ld, ld, true);
  });
  Acc factor = Acc(double(*dy) / (shape.temperature * double(n)));
  all.for_each_block([&](int64_t row, int64_t rows) {
    for (int64_t i = row; i < row + rows; ++i) {
      T* dz = i < shape.pairs ? dz0 : dz1;
      if (dz)
        unit_rows_backward<I>(sum + i * ld, all.unit(i), all.unit((i + shape.pairs) % n), all.norm(i), ld, factor,
                              dz + i % shape.pairs * shape.dim, 1, shape.dim);
    }
  });
}

}  // namespace

template <class T>
void nt_xent(Cpu&, NtXent shape, const T* z0, const T* z1, accumulator_t<T>* loss, accumulator_t<T>* lse) {
  with_isa([&]<Isa I>() { forward<I>(shape, z0, z1, loss, lse); });
}

template <class T>
void nt_xent_backward(Cpu&, NtXent shape, const T* z0, const T* z1, const accumulator_t<T>* lse,
                      const accumulator_t<T>* dy, T* dz0, T* dz1) {
  with_isa([&]<Isa I>() { backward<I>(shape, z0, z1, lse, dy, dz0, dz1); });
}

#define FOVEA_INSTANTIATE(T, Acc)                                         \
  template void nt_xent<T>(Cpu&, NtXent, const T*, const T*, Acc*, Acc*); \
  template void nt_xent_backward<T>(Cpu&, NtXent, const T*, const T*, const Acc*, const Acc*, T*, T*);
FOVEA_INSTANTIATE(float, float)
FOVEA_INSTANTIATE(double, double)
FOVEA_INSTANTIATE(bf16, float)

}  // namespace fovea::kernels
