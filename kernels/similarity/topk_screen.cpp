#include <omp.h>

#include <cmath>
#include <vector>

#include <fovea/kernels/base/matmul_tile_isa.h>
#include <fovea/kernels/base/onednn.h>
#include <fovea/kernels/isa.h>
#include <fovea/kernels/scratch.h>
#include <fovea/kernels/similarity/topk_candidates.h>
#include <fovea/kernels/similarity/topk_isa.h>

namespace fovea::kernels {
namespace {

namespace dnn = onednn;

constexpr int64_t kGroup = 1024;  // queries that share one pass over the bank, at most
constexpr int64_t kBlock = 256;   // rows of the bank in one product
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

// What all threads share: how far rounding can move a score, and what is taken from scores of distances.
struct Bank {
  TopK s;
  const float *queries, *rows;
  float* half;                // |x|^2 / 2, for distances only
  float norm = 0, error = 0;  // the largest of a row, and of what rounding takes from one

  void measure() {
    const int64_t parts = (s.rows + kBlock - 1) / kBlock;
    std::vector<float> norms(size_t(parts), 0), errors(size_t(parts), 0);
#pragma omp parallel for schedule(static)
    for (int64_t p = 0; p < parts; ++p) {
      float lengths[kBlock], lost[kBlock];
      int64_t row = p * kBlock, count = std::min(kBlock, s.rows - row);
      const float* x = rows + row * s.dim;
      with_isa([&]<Isa I>() {
        round_rows<I>(x, count, s.dim, static_cast<bf16*>(nullptr), lengths, lost);
        if (half) squared_norms<I>(x, count, s.dim, half + row);
      });
      for (int64_t r = 0; r < count; ++r) {
        if (half) half[row + r] *= 0.5f;
        norms[size_t(p)] = std::max(norms[size_t(p)], lengths[r]),
        errors[size_t(p)] = std::max(errors[size_t(p)], lost[r]);
      }
    }
    for (int64_t p = 0; p < parts; ++p)
      norm = std::max(norm, norms[size_t(p)]), error = std::max(error, errors[size_t(p)]);
  }

  // No score of a query of length `length`, of which rounding took `lost`, is off by more. The exact scores, too, are
  // sums in float, which err by some units in the last place a term.
  float margin(float length, float lost) const {
    float rounding = length * error + lost * (norm + error),
          summing = (float(s.dim) + 8) * 3e-7f * (length + norm) * norm;
    return 1.01f * rounding + summing;
  }
};

// One thread and its memory.
class Screen {
 public:
  Screen(const Bank& bank, int64_t group, Scratch& scratch)
      : bank_(bank),
        s_(bank.s),
        group_(group),
        room_(4 * s_.k + 256),
        norm_(scratch.take<float>(size_t(group))),
        error_(scratch.take<float>(size_t(group))),
        limit_(scratch.take<float>(size_t(group))),
        rounded_(scratch.take<bf16>(size_t(std::max(group, kBlock) * s_.dim))),
        scores_(scratch.take<float>(size_t(group * kBlock))),
        kept_(scratch.take<Candidate<float>>(size_t(group * room_))),
        hits_(scratch.take<Hit>(size_t(group * kStrip))),
        gathered_(scratch.take<float>(size_t(kStrip * s_.dim))),
        spread_(scratch.take<float>(size_t(kLanes * s_.dim))),
        list_(size_t(group)) {}

  // Queries [first, first + count); left[i] is set for each of them that overflows.
  void run(int64_t first, int64_t count, float* values, int64_t* index, uint8_t* left) {
    begin(first, count);
    std::shared_ptr<const Product> times = product(count, s_.dim);
    Scratch packed;
    void* weights = packed.bytes(times->queries.get_size());
    dnn::reorder(dnn::strided({s_.dim, count}, dnn::Type::bf16, {1, s_.dim}), rounded_, times->queries, weights);
    for (int64_t row = 0; row < s_.rows; row += kBlock) {
      int64_t rows = std::min(kBlock, s_.rows - row);
      with_isa([&]<Isa I>() {
        float* none = nullptr;
        round_rows<I>(bank_.rows + row * s_.dim, rows, s_.dim, rounded_, none, none);
      });
      std::fill_n(rounded_ + rows * s_.dim, (kBlock - rows) * s_.dim, bf16(0.0f));
      dnn::run(times->primitive, {{DNNL_ARG_SRC, times->block, rounded_},
                                  {DNNL_ARG_WEIGHTS, times->queries, weights},
                                  {DNNL_ARG_DST, times->scores, scores_}});
      look_through(row, rows, count);
    }
    for (int64_t i = 0; i < count; ++i) {
      left[first + i] = list_[size_t(i)].overflowed();
      if (!left[first + i]) compare(first + i, list_[size_t(i)], values, index);
    }
  }

 private:
  static constexpr int64_t kLanes = Tile<Isa::avx512, float>::kLanes;

  void begin(int64_t first, int64_t count) {
    with_isa([&]<Isa I>() { round_rows<I>(bank_.queries + first * s_.dim, count, s_.dim, rounded_, norm_, error_); });
    const float none = std::numeric_limits<float>::infinity();
    for (int64_t i = 0; i < count; ++i) {
      float margin = bank_.margin(norm_[i], error_[i]);
      bool usable = margin > 1e-18f && margin < 1e18f;  // clear of underflow and overflow
      limit_[i] = usable ? -none : none;
      list_[size_t(i)] = {kept_ + i * room_, room_, 0, 2 * s_.k + kStrip, margin, limit_[i]};
    }
  }

  void look_through(int64_t row, int64_t rows, int64_t count) {
    for (int64_t i = 0; i < rows; i += kStrip) {
      float* strip = scores_ + i * count;
      int64_t height = std::min(kStrip, rows - i), found = 0;
      with_isa([&]<Isa I>() {
        if (bank_.half) lower_scores<I>(strip, count, height, count, bank_.half + row + i);
        found = scan_scores<I>(strip, count, height, count, limit_, hits_);
      });
      for (const Hit* hit = hits_; hit != hits_ + found; ++hit) {
        Shortlist& list = list_[size_t(hit->col)];
        list.add(strip[hit->row * count + hit->col], int32_t(row + i + hit->row), s_.k);
        limit_[hit->col] = list.limit;
      }
    }
  }

  void fetch_row(const float* row) const {
    for (int64_t d = 0; d < s_.dim; d += kLanes) __builtin_prefetch(row + d);
  }

  // Exact scores of a query's shortlist, each a sum in the order of tile_gemm.
  void compare(int64_t query, Shortlist& list, float* values, int64_t* index) {
    list.shorten(s_.k);
    const float* q = bank_.queries + query * s_.dim;
    float dots[kStrip], norm = 0;
    for (int64_t d = 0; d < s_.dim; ++d)
      for (int64_t lane = 0; lane < kLanes; ++lane) spread_[d * kLanes + lane] = lane == 0 ? q[d] : 0;
    auto row_of = [&](int64_t i) { return bank_.rows + int64_t(list.kept[i].row) * s_.dim; };
    for (int64_t i = 0; i < list.count; i += kStrip) {
      int64_t rows = std::min(kStrip, list.count - i);
      for (int64_t r = 0; r < rows; ++r) {
        if (i + r + 2 < list.count) fetch_row(row_of(i + r + 2));
        std::copy_n(row_of(i + r), s_.dim, gathered_ + r * s_.dim);
      }
      with_isa([&]<Isa I>() {
        tile_gemm<I>(rows, 1, s_.dim, Left<float>{gathered_, s_.dim, 1}, Right<float>{spread_, kLanes, 0}, dots, 1,
                     false);
      });
      for (int64_t r = 0; r < rows; ++r) {
        Candidate<float>& candidate = list.kept[i + r];
        candidate.value = bank_.half ? dots[r] - bank_.half[candidate.row] : dots[r];
      }
    }
    int64_t found = std::min(list.count, s_.k);
    std::partial_sort(list.kept, list.kept + found, list.kept + list.count);
    with_isa([&]<Isa I>() { squared_norms<I>(q, 1, s_.dim, &norm); });
    write_neighbours(s_, list.kept, found, norm, values + query * s_.k, index + query * s_.k);
  }

  const Bank& bank_;
  TopK s_;
  int64_t group_, room_;
  float *norm_, *error_, *limit_;
  bf16* rounded_;
  float* scores_;
  Candidate<float>* kept_;
  Hit* hits_;
  float *gathered_, *spread_;
  std::vector<Shortlist> list_;
};

}  // namespace

bool screen_pays(const TopK& s) {
  return dnn::has_bf16_units() && s.queries >= 64 && s.rows >= 8 * s.k + kBlock && s.dim >= 64;
}

void topk_screened(const TopK& s, const float* queries, const float* rows_of_bank, float* values, int64_t* index,
                   const ExactSearch& exact) {
  Scratch shared;
  Bank bank{s, queries, rows_of_bank,
            s.metric == Metric::squared_distance ? shared.take<float>(size_t(s.rows)) : nullptr};
  bank.measure();
  std::vector<uint8_t> overflowed(static_cast<size_t>(s.queries));
  const int64_t share = (s.queries + threads() - 1) / threads(), group = std::min(kGroup, (share + 63) / 64 * 64);
  std::vector<Screen> screens;
  for (int t = 0; t < threads(); ++t) screens.emplace_back(bank, group, shared);
    // One region for everything: a thread that waits for a core holds up nobody but itself.
#pragma omp parallel
  {
    Screen& screen = screens[size_t(omp_get_thread_num())];
    omp_set_num_threads(1);  // in this region: a thread's work is all its own, oneDNN's part too
#pragma omp for schedule(dynamic)
    for (int64_t q = 0; q < s.queries; q += group)
      screen.run(q, std::min(group, s.queries - q), values, index, overflowed.data());
  }
  std::vector<int64_t> left;
  for (int64_t q = 0; q < s.queries; ++q)
    if (overflowed[size_t(q)]) left.push_back(q);
  if (left.empty()) return;
  const int64_t count = int64_t(left.size());
  float *rows = shared.take<float>(size_t(count * s.dim)), *some_values = shared.take<float>(size_t(count * s.k));
  int64_t* some_index = shared.take<int64_t>(size_t(count * s.k));
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
