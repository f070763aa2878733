#include <omp.h>

#include <cmath>
#include <vector>

#include <fovea/kernels/isa.h>
#include <fovea/kernels/matmul_tile.h>
#include <fovea/kernels/onednn.h>
#include <fovea/kernels/scratch.h>
#include <fovea/kernels/topk_candidates.h>
#include <fovea/kernels/topk_scan.h>

namespace fovea::kernels {
namespace {

namespace dnn = onednn;

constexpr int64_t kGroup = 1024;  // queries that share one pass over the bank
constexpr int64_t kBlock = 512;   // rows of the bank in one product
constexpr int64_t kPart = 128;    // queries whose scores one thread looks through at a time
constexpr int64_t kStrip = 48;    // rows that are looked through, or compared exactly, at a time

// The rows that a query cannot rule out. With every score off by at most `margin`, a row is ruled out when its score
// lies more than two margins below the k-th best score.
struct Shortlist {
  Candidate<float>* kept;
  int64_t room, count, next;  // next: the count at which it pays to look what can be ruled out
  float margin, limit;

  bool overflowed() const { return limit == std::numeric_limits<float>::infinity(); }
  void add(float score, int32_t row, int64_t k) {
    if (!(score > limit)) return;
    kept[count++] = {score, row};
    if (count < next) return;
    shorten(k);
    next = std::min(count + k + kStrip, room);
    if (count > room * 3 / 4) limit = std::numeric_limits<float>::infinity();
  }
  void shorten(int64_t k) {
    if (count < k) return;
    auto higher = [](const Candidate<float>& a, const Candidate<float>& b) { return a.value > b.value; };
    std::nth_element(kept, kept + k - 1, kept + count, higher);
    limit = kept[k - 1].value - 2 * margin;
    count =
        std::remove_if(kept + k, kept + count, [&](const Candidate<float>& c) { return !(c.value > limit); }) - kept;
  }
};

// scores [kBlock, queries] = block [kBlock, dim] times the packed queries.
struct Product {
  dnn::Desc block, queries, scores;
  dnn::Primitive primitive;
};

std::shared_ptr<const Product> product(int64_t queries, int64_t dim) {
  static dnn::Cache<Product> cache;
  return cache.get({queries, dim}, [&] {
    Product p;
    p.block = dnn::row_major({kBlock, dim}, dnn::Type::bf16);
    p.scores = dnn::row_major({kBlock, queries}, dnn::Type::f32);
    auto description = dnn::matmul(p.block, dnn::any({dim, queries}, dnn::Type::bf16), {}, p.scores);
    p.queries = description.weights_desc();
    p.primitive = dnn::primitive<dnnl::matmul>(description);
    return p;
  });
}

class Screen {
 public:
  Screen(const TopK& shape, const float* queries, const float* bank)
      : s_(shape),
        queries_(queries),
        bank_(bank),
        room_(4 * s_.k + 256),
        half_(scratch_.take<float>(size_t(s_.rows))),
        norm_(scratch_.take<float>(kGroup)),
        error_(scratch_.take<float>(kGroup)),
        limit_(scratch_.take<float>(kGroup)),
        rounded_(scratch_.take<bf16>(size_t(std::max(kGroup, kBlock) * s_.dim))),
        scores_(scratch_.take<float>(kGroup * kBlock)),
        kept_(scratch_.take<Candidate<float>>(size_t(kGroup * room_))),
        hits_(scratch_.take<Hit>(size_t(threads() * kPart * kStrip))),
        gathered_(scratch_.take<float>(size_t(threads() * kStrip * s_.dim))),
        spread_(scratch_.take<float>(size_t(threads() * kLanes * s_.dim))),
        list_(kGroup) {
    measure_bank();
  }

  // Queries [first, first + count); the numbers of those that overflow are appended to `left`.
  void run(int64_t first, int64_t count, float* values, int64_t* index, std::vector<int64_t>& left) {
    begin(first, count);
    std::shared_ptr<const Product> times = product(count, s_.dim);
    Scratch packed;
    void* weights = packed.bytes(times->queries.get_size());
    dnn::reorder(dnn::strided({s_.dim, count}, dnn::Type::bf16, {1, s_.dim}), rounded_, times->queries, weights);
    for (int64_t row = 0; row < s_.rows; row += kBlock) {
      int64_t rows = std::min(kBlock, s_.rows - row);
      round_block(row, rows);
      dnn::run(times->primitive, {{DNNL_ARG_SRC, times->block, rounded_},
                                  {DNNL_ARG_WEIGHTS, times->queries, weights},
                                  {DNNL_ARG_DST, times->scores, scores_}});
      look_through(row, rows, count);
    }
#pragma omp parallel for schedule(dynamic)
    for (int64_t i = 0; i < count; ++i)
      if (!list_[size_t(i)].overflowed()) compare(first + i, list_[size_t(i)], values, index);
    for (int64_t i = 0; i < count; ++i)
      if (list_[size_t(i)].overflowed()) left.push_back(first + i);
  }

 private:
  static constexpr int64_t kLanes = Tile<Isa::avx512, float>::kLanes;

  // The largest norm of a row and of what rounding takes from one.
  void measure_bank() {
    const int64_t parts = (s_.rows + kBlock - 1) / kBlock;
    std::vector<float> norms(size_t(parts), 0), errors(size_t(parts), 0);
#pragma omp parallel for schedule(static)
    for (int64_t p = 0; p < parts; ++p) {
      float norm[kBlock], error[kBlock];
      int64_t row = p * kBlock, rows = std::min(kBlock, s_.rows - row);
      with_isa([&]<Isa I>() {
        round_rows<I>(bank_ + row * s_.dim, rows, s_.dim, static_cast<bf16*>(nullptr), norm, error);
        if (s_.metric == Metric::squared_distance) squared_norms<I>(bank_ + row * s_.dim, rows, s_.dim, half_ + row);
      });
      for (int64_t r = 0; r < rows; ++r) {
        if (s_.metric == Metric::squared_distance) half_[row + r] *= 0.5f;
        norms[size_t(p)] = std::max(norms[size_t(p)], norm[r]),
        errors[size_t(p)] = std::max(errors[size_t(p)], error[r]);
      }
    }
    for (int64_t p = 0; p < parts; ++p)
      bank_norm_ = std::max(bank_norm_, norms[size_t(p)]), bank_error_ = std::max(bank_error_, errors[size_t(p)]);
  }

  void begin(int64_t first, int64_t count) {
    with_isa([&]<Isa I>() { round_rows<I>(queries_ + first * s_.dim, count, s_.dim, rounded_, norm_, error_); });
    for (int64_t i = 0; i < count; ++i) {
      // q x - q'x' = q (x - x') + (q - q') x', and sums in float, of both kinds, add some units in the last place each.
      float rounding = norm_[i] * bank_error_ + error_[i] * (bank_norm_ + bank_error_);
      float summing = (float(s_.dim) + 8) * 3e-7f * (norm_[i] + bank_norm_) * bank_norm_;
      float margin = 1.01f * rounding + summing;
      bool usable = margin > 1e-18f && margin < 1e18f;  // clear of underflow and overflow
      limit_[i] = usable ? -std::numeric_limits<float>::infinity() : std::numeric_limits<float>::infinity();
      list_[size_t(i)] = {kept_ + i * room_, room_, 0, 2 * s_.k + kStrip, margin, limit_[i]};
    }
  }

  void round_block(int64_t row, int64_t rows) {
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < kBlock; i += kPart) {
      int64_t count = std::clamp<int64_t>(rows - i, 0, kPart);
      with_isa([&]<Isa I>() {
        round_rows<I>(bank_ + (row + i) * s_.dim, count, s_.dim, rounded_ + i * s_.dim, static_cast<float*>(nullptr),
                      static_cast<float*>(nullptr));
      });
      std::fill_n(rounded_ + (i + count) * s_.dim, (kPart - count) * s_.dim, bf16(0.0f));
    }
  }

  void look_through(int64_t row, int64_t rows, int64_t count) {
#pragma omp parallel for schedule(dynamic)
    for (int64_t col = 0; col < count; col += kPart) {
      Hit* hits = hits_ + omp_get_thread_num() * kPart * kStrip;
      int64_t cols = std::min(kPart, count - col);
      for (int64_t i = 0; i < rows; i += kStrip) {
        float* strip = scores_ + i * count + col;
        int64_t height = std::min(kStrip, rows - i), found = 0;
        with_isa([&]<Isa I>() {
          if (s_.metric == Metric::squared_distance) lower_scores<I>(strip, count, height, cols, half_ + row + i);
          found = scan_scores<I>(strip, count, height, cols, limit_ + col, hits);
        });
        for (const Hit* hit = hits; hit != hits + found; ++hit)
          list_[size_t(col + hit->col)].add(strip[hit->row * count + hit->col], int32_t(row + i + hit->row), s_.k);
        for (int64_t c = 0; c < cols; ++c) limit_[col + c] = list_[size_t(col + c)].limit;
      }
    }
  }

  void fetch_row(const float* row) const {
    for (int64_t d = 0; d < s_.dim; d += kLanes) __builtin_prefetch(row + d);
  }

  // Exact scores of a query's shortlist, each a sum in the order of tile_gemm.
  void compare(int64_t query, Shortlist& list, float* values, int64_t* index) {
    list.shorten(s_.k);
    const float* q = queries_ + query * s_.dim;
    float *gathered = gathered_ + omp_get_thread_num() * kStrip * s_.dim,
          *spread = spread_ + omp_get_thread_num() * kLanes * s_.dim, dots[kStrip], norm = 0;
    for (int64_t d = 0; d < s_.dim; ++d)
      for (int64_t lane = 0; lane < kLanes; ++lane) spread[d * kLanes + lane] = lane == 0 ? q[d] : 0;
    for (int64_t i = 0; i < list.count; i += kStrip) {
      int64_t rows = std::min(kStrip, list.count - i);
      for (int64_t r = 0; r < rows; ++r) {
        if (i + r + 2 < list.count) fetch_row(bank_ + int64_t(list.kept[i + r + 2].row) * s_.dim);
        std::copy_n(bank_ + int64_t(list.kept[i + r].row) * s_.dim, s_.dim, gathered + r * s_.dim);
      }
      with_isa([&]<Isa I>() {
        tile_gemm<I>(rows, 1, s_.dim, Left<float>{gathered, s_.dim, 1}, Right<float>{spread, kLanes, 0}, dots, 1,
                     false);
      });
      for (int64_t r = 0; r < rows; ++r) {
        Candidate<float>& candidate = list.kept[i + r];
        candidate.value = s_.metric == Metric::squared_distance ? dots[r] - half_[candidate.row] : dots[r];
      }
    }
    int64_t found = std::min(list.count, s_.k);
    std::partial_sort(list.kept, list.kept + found, list.kept + list.count);
    with_isa([&]<Isa I>() { squared_norms<I>(q, 1, s_.dim, &norm); });
    write_neighbours(s_, list.kept, found, norm, values + query * s_.k, index + query * s_.k);
  }

  Scratch scratch_;
  TopK s_;
  const float *queries_, *bank_;
  int64_t room_;
  float *half_, *norm_, *error_, *limit_;
  bf16* rounded_;
  float* scores_;
  Candidate<float>* kept_;
  Hit* hits_;
  float *gathered_, *spread_;
  std::vector<Shortlist> list_;
  float bank_norm_ = 0, bank_error_ = 0;
};

}  // namespace

bool screen_pays(const TopK& s) {
  return dnn::has_bf16_units() && s.queries >= 64 && s.rows >= 8 * s.k + kBlock && s.dim >= 64;
}

void topk_screened(const TopK& s, const float* queries, const float* bank, float* values, int64_t* index,
                   const ExactSearch& exact) {
  std::vector<int64_t> left;
  {
    Screen screen(s, queries, bank);
    for (int64_t q = 0; q < s.queries; q += kGroup) screen.run(q, std::min(kGroup, s.queries - q), values, index, left);
  }
  if (left.empty()) return;
  Scratch scratch;
  const int64_t count = int64_t(left.size());
  float *rows = scratch.take<float>(size_t(count * s.dim)), *some_values = scratch.take<float>(size_t(count * s.k));
  int64_t* some_index = scratch.take<int64_t>(size_t(count * s.k));
  for (int64_t i = 0; i < count; ++i) std::copy_n(queries + left[size_t(i)] * s.dim, s.dim, rows + i * s.dim);
  TopK rest = s;
  rest.queries = count;
  exact(rest, rows, some_values, some_index);
  for (int64_t i = 0; i < count; ++i) {
    std::copy_n(some_values + i * s.k, s.k, values + left[size_t(i)] * s.k);
    std::copy_n(some_index + i * s.k, s.k, index + left[size_t(i)] * s.k);
  }
}

}  // namespace fovea::kernels
