#include <fovea/kernels/topk.h>

#include <omp.h>

#include <algorithm>
#include <type_traits>

#include <fovea/kernels/base/matmul_tile_isa.h>
#include <fovea/kernels/copy.h>
#include <fovea/kernels/scratch.h>
#include <fovea/kernels/similarity/topk_candidates.h>
#include <fovea/kernels/similarity/topk_isa.h>

namespace fovea::kernels {
namespace {

constexpr int64_t kStrip = 48;      // rows of the bank that are in work at once, a multiple of every Tile::kRows
constexpr int64_t kMaxGroup = 512;  // queries that share one pass over the bank

// The candidates of a group of queries: at least k of each are kept, in room for twice as many, and `limit` is what a
// score must beat. Rows come in rising order, so that one that equals the limit is no nearer than those that are kept.
template <class T>
struct Candidates {
  int64_t k, room;
  Candidate<T>* kept;  // [queries, room]
  int32_t* count;
  T* limit;

  void clear(int64_t queries) {
    std::fill_n(count, queries, 0);
    std::fill_n(limit, queries, -std::numeric_limits<T>::infinity());
  }
  void add(int64_t query, T value, int32_t row) {
    if (!(value > limit[query])) return;
    Candidate<T>* mine = kept + query * room;
    mine[count[query]++] = {value, row};
    if (count[query] < room) return;
    std::nth_element(mine, mine + k - 1, mine + room);
    limit[query] = mine[k - 1].value;
    count[query] = int32_t(k);
  }
  // Sorts a query's candidates and returns the nearest k, or as many as there are.
  int64_t finish(int64_t query) {
    Candidate<T>* mine = kept + query * room;
    std::sort(mine, mine + count[query]);
    return std::min<int64_t>(count[query], k);
  }
};

template <Isa I, class T>
class Search {
  using Block = Tile<I, T>;

 public:
  Search(const TopK& shape, const T* queries, const T* bank)
      : s_(shape),
        queries_(queries),
        bank_(bank),
        team_(s_.queries * s_.rows * s_.dim > kParallelGrain ? threads() : 1) {
    int64_t share = (s_.queries + team_ - 1) / team_;
    group_ = std::min(kMaxGroup, (share + Block::kCols - 1) / Block::kCols * Block::kCols);
    room_ = 2 * s_.k + kStrip;
    panels_ = scratch_.take<T>(size_t(team_ * group_ * s_.dim));
    scores_ = scratch_.take<T>(size_t(team_ * group_ * kStrip));
    hits_ = scratch_.take<Hit>(size_t(team_ * group_ * kStrip));
    kept_ = scratch_.take<Candidate<T>>(size_t(team_ * group_ * room_));
    count_ = scratch_.take<int32_t>(size_t(team_ * group_));
    limit_ = scratch_.take<T>(size_t(team_ * group_));
    if (s_.metric == Metric::squared_distance) {
      half_ = scratch_.take<T>(size_t(s_.rows));
      squared_norms<I>(bank, s_.rows, s_.dim, half_);
      for (int64_t i = 0; i < s_.rows; ++i) half_[i] *= T(0.5);
    }
  }

  void run(T* values, int64_t* index) {
#pragma omp parallel for schedule(dynamic) num_threads(team_) if (team_ > 1)
    for (int64_t q = 0; q < s_.queries; q += group_) {
      int64_t me = omp_get_thread_num(), count = std::min(group_, s_.queries - q);
      Candidates<T> candidates{s_.k, room_, kept_ + me * group_ * room_, count_ + me * group_, limit_ + me * group_};
      collect(q, count, candidates);
      for (int64_t i = 0; i < count; ++i) write(q + i, i, candidates, values + (q + i) * s_.k, index + (q + i) * s_.k);
    }
  }

 private:
  // Scores are q . x, or q . x - |x|^2 / 2: either way more is nearer.
  void collect(int64_t q, int64_t count, Candidates<T>& candidates) {
    int64_t me = omp_get_thread_num();
    T *panels = panels_ + me * group_ * s_.dim, *scores = scores_ + me * group_ * kStrip;
    Hit* hits = hits_ + me * group_ * kStrip;
    pack_panels<I>(s_.dim, count, queries_ + q * s_.dim, 1, s_.dim, T(1), panels);
    candidates.clear(count);
    for (int64_t row = 0; row < s_.rows; row += kStrip) {
      int64_t rows = std::min(kStrip, s_.rows - row);
      tile_gemm<I>(rows, count, s_.dim, Left<T>{bank_ + row * s_.dim, s_.dim, 1},
                   packed<I>(static_cast<const T*>(panels), s_.dim), scores, count, false);
      if (half_) lower_scores<I>(scores, count, rows, count, half_ + row);
      int64_t found = scan_scores<I>(scores, count, rows, count, candidates.limit, hits);
      for (const Hit* hit = hits; hit != hits + found; ++hit)
        candidates.add(hit->col, scores[hit->row * count + hit->col], int32_t(row + hit->row));
    }
  }

  void write(int64_t query, int64_t i, Candidates<T>& candidates, T* values, int64_t* index) {
    int64_t found = candidates.finish(i);
    T norm = 0;
    squared_norms<I>(queries_ + query * s_.dim, 1, s_.dim, &norm);
    write_neighbours(s_, candidates.kept + i * room_, found, norm, values, index);
  }

  Scratch scratch_;
  TopK s_;
  const T *queries_, *bank_;
  int team_;
  int64_t group_, room_;
  T *panels_, *scores_, *limit_, *half_ = nullptr;
  Candidate<T>* kept_;
  Hit* hits_;
  int32_t* count_;
};

}  // namespace

template <class T>
void topk(Cpu& ctx, const TopK& shape, const T* queries, const T* bank, accumulator_t<T>* values, int64_t* index) {
  if (shape.queries == 0 || shape.k == 0) return;
  if constexpr (std::is_same_v<T, bf16>) {
    Scratch scratch;
    float* wide_queries = scratch.take<float>(size_t(shape.queries * shape.dim));
    float* wide_bank = scratch.take<float>(size_t(shape.rows * shape.dim));
    cast(ctx, queries, wide_queries, shape.queries * shape.dim);
    cast(ctx, bank, wide_bank, shape.rows * shape.dim);
    topk<float>(ctx, shape, wide_queries, wide_bank, values, index);
  } else {
    auto exact = [&](const TopK& some, const T* some_queries, T* some_values, int64_t* some_index) {
      with_isa([&]<Isa I>() { Search<I, T>(some, some_queries, bank).run(some_values, some_index); });
    };
#ifdef FOVEA_ONEDNN
    if constexpr (std::is_same_v<T, float>)
      if (screen_pays(shape)) return topk_screened(shape, queries, bank, values, index, exact);
#endif
    exact(shape, queries, values, index);
  }
}
template void topk<float>(Cpu&, const TopK&, const float*, const float*, float*, int64_t*);
template void topk<double>(Cpu&, const TopK&, const double*, const double*, double*, int64_t*);
template void topk<bf16>(Cpu&, const TopK&, const bf16*, const bf16*, float*, int64_t*);

}  // namespace fovea::kernels
