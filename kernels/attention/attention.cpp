#include <fovea/kernels/attention.h>

#include <omp.h>

#include <algorithm>

#include <fovea/kernels/attention/attention_isa.h>
#include <fovea/kernels/base/matmul_tile_isa.h>
#include <fovea/kernels/scratch.h>

namespace fovea::kernels {
namespace {

// Strips of kStrip queries against all keys are in work at once, one (batch, head) a thread.
constexpr int64_t kStrip = 48;  // a multiple of every Tile::kRows

// Sizes that follow from the shape, and how one thread's scratch memory is cut up.
template <Isa I, class T>
struct Layout {
  using Acc = accumulator_t<T>;
  using Block = Tile<I, Acc>;

  explicit Layout(const Attention& s)
      : tokens(s.tokens),
        dim(s.dim),
        row(3 * s.heads * s.dim),
        ld(Block::padded(s.dim)),
        ld_keys(Block::padded(s.tokens)),
        matrix(tokens * ld),
        panels(Block::panels(tokens) * Block::kCols * dim),
        team(s.batch * s.heads * tokens * tokens * dim > kParallelGrain ? threads() : 1) {}

  int64_t tokens, dim, row, ld, ld_keys;  // row: elements from one token's projections to the next's
  int64_t matrix, panels;                 // elements of [tokens, ld] and of packed columns, one a token
  int team;
};

// Hands out consecutive pieces of one thread's memory.
template <class Acc>
struct Pieces {
  Acc* next;
  Acc* take(int64_t count) {
    Acc* piece = next;
    next += count;
    return piece;
  }
};

// body(batch, head, memory) for every head, each with `size` accumulators of memory.
template <Isa I, class T, class F>
void for_each_head(const Attention& s, const Layout<I, T>& layout, int64_t size, F&& body) {
  using Acc = accumulator_t<T>;
  Scratch scratch;
  size = Layout<I, T>::Block::padded(size);
  Acc* memory = scratch.take<Acc>(size_t(layout.team * size));
#pragma omp parallel for schedule(dynamic) num_threads(layout.team) if (layout.team > 1)
  for (int64_t i = 0; i < s.batch * s.heads; ++i)
    body(i / s.heads, i % s.heads, Pieces<Acc>{memory + omp_get_thread_num() * size});
}

// The strips of one head: first query, queries, keys that the last of them may see, and which of those each may.
template <class F>
void for_each_strip(const Attention& s, int64_t batch, F&& body) {
  for (int64_t i = 0; i < s.tokens; i += kStrip) {
    int64_t rows = std::min(kStrip, s.tokens - i), keys = s.causal ? i + rows : s.tokens;
    const uint8_t* mask = s.key_mask ? s.key_mask + batch * s.tokens : nullptr;
    body(i, rows, keys, Allowed{mask, s.causal ? i : s.tokens});
  }
}

// s = 0 where dropped, else s / (1 - dropout), for queries [first, first + rows) of a head.
template <class T>
void drop(const Attention& shape, int64_t head, int64_t first, T* s, int64_t ld, int64_t rows, int64_t cols) {
  const float keep = float(1 - shape.dropout);
  const T factor = keep > 0 ? 1 / T(keep) : T(0);
  for (int64_t r = 0; r < rows; ++r, s += ld) {
    for (int64_t c = 0; c < cols; c += 2) {
      const Philox4 draw = attention_draw(shape, head, first + r, c);
      const uint32_t* word = draw.word + (first + r) % 2 * 2;
      for (int64_t k = 0; k < 2 && c + k < cols; ++k) s[c + k] *= uniform_from(word[k]) < keep ? factor : T(0);
    }
  }
}

template <Isa I, class T>
void forward(const Attention& s, const T* qkv, T* y, accumulator_t<T>* lse) {
  using Acc = accumulator_t<T>;
  using Block = Tile<I, Acc>;
  const Layout<I, T> l(s);
  int64_t size = 2 * l.matrix + l.panels + kStrip * (l.ld_keys + l.ld + 1);
  for_each_head(s, l, size, [&](int64_t batch, int64_t head, Pieces<Acc> memory) {
    const T* q = qkv + batch * l.tokens * l.row + head * l.dim;
    Acc *rows_of = memory.take(l.matrix), *values = memory.take(l.matrix), *keys_t = memory.take(l.panels),
        *logits = memory.take(kStrip * l.ld_keys), *sums = memory.take(kStrip * l.ld), *inverse = memory.take(kStrip);
    load_rows<I>(q + s.heads * l.dim, l.row, l.tokens, l.dim, rows_of, l.ld);
    pack_panels<I>(l.dim, l.tokens, rows_of, 1, l.ld, Acc(1), keys_t);
    load_rows<I>(q + 2 * s.heads * l.dim, l.row, l.tokens, l.dim, values, l.ld);
    load_rows<I>(q, l.row, l.tokens, l.dim, rows_of, l.ld);
    for_each_strip(s, batch, [&](int64_t i, int64_t rows, int64_t keys, Allowed allowed) {
      tile_gemm<I>(rows, keys, l.dim, Left<Acc>{rows_of + i * l.ld, l.ld, 1},
                   packed<I>(static_cast<const Acc*>(keys_t), l.dim), logits, l.ld_keys, false);
      strip_softmax<I>(logits, l.ld_keys, rows, keys, Acc(s.scale), allowed, inverse,
                       lse + (batch * s.heads + head) * l.tokens + i);
      if (s.dropout > 0) drop(s, batch * s.heads + head, i, logits, l.ld_keys, rows, keys);
      tile_gemm<I>(rows, l.ld, keys, Left<Acc>{logits, l.ld_keys, 1}, Right<Acc>{values, l.ld, Block::kCols}, sums,
                   l.ld, false);
      store_rows<I>(sums, l.ld, rows, l.dim, inverse, y + ((batch * l.tokens + i) * s.heads + head) * l.dim,
                    s.heads * l.dim);
    });
  });
}

template <Isa I, class T>
void backward(const Attention& s, const T* qkv, const T* y, const accumulator_t<T>* lse, const T* dy, T* dqkv) {
  using Acc = accumulator_t<T>;
  using Block = Tile<I, Acc>;
  const Layout<I, T> l(s);
  int64_t size = 5 * l.matrix + 2 * l.panels + kStrip * (2 * l.ld_keys + 3 * l.ld + 1);
  for_each_head(s, l, size, [&](int64_t batch, int64_t head, Pieces<Acc> memory) {
    int64_t at = batch * l.tokens * l.row + head * l.dim, width = s.heads * l.dim;
    Acc *q = memory.take(l.matrix), *k = memory.take(l.matrix), *v = memory.take(l.matrix), *dk = memory.take(l.matrix),
        *dv = memory.take(l.matrix), *keys_t = memory.take(l.panels), *values_t = memory.take(l.panels),
        *p = memory.take(kStrip * l.ld_keys), *dp = memory.take(kStrip * l.ld_keys), *out = memory.take(kStrip * l.ld),
        *dout = memory.take(kStrip * l.ld), *dq = memory.take(kStrip * l.ld), *delta = memory.take(kStrip);
    load_rows<I>(qkv + at, l.row, l.tokens, l.dim, q, l.ld);
    load_rows<I>(qkv + at + width, l.row, l.tokens, l.dim, k, l.ld);
    load_rows<I>(qkv + at + 2 * width, l.row, l.tokens, l.dim, v, l.ld);
    pack_panels<I>(l.dim, l.tokens, k, 1, l.ld, Acc(1), keys_t);
    pack_panels<I>(l.dim, l.tokens, v, 1, l.ld, Acc(1), values_t);
    std::fill_n(dk, l.matrix, Acc(0));
    std::fill_n(dv, l.matrix, Acc(0));
    for_each_strip(s, batch, [&](int64_t i, int64_t rows, int64_t keys, Allowed allowed) {
      int64_t from = (batch * l.tokens + i) * width + head * l.dim;
      const Acc* own_q = q + i * l.ld;
      load_rows<I>(y + from, width, rows, l.dim, out, l.ld);
      load_rows<I>(dy + from, width, rows, l.dim, dout, l.ld);
      dot_rows<I>(out, dout, rows, l.ld, delta);
      tile_gemm<I>(rows, keys, l.dim, Left<Acc>{own_q, l.ld, 1}, packed<I>(static_cast<const Acc*>(keys_t), l.dim), p,
                   l.ld_keys, false);
      strip_probabilities<I>(p, l.ld_keys, rows, keys, Acc(s.scale), allowed,
                             lse + (batch * s.heads + head) * l.tokens + i);
      const Acc* kept = p;
      if (s.dropout > 0) {
        std::copy_n(p, rows * l.ld_keys, dp);
        drop(s, batch * s.heads + head, i, dp, l.ld_keys, rows, keys);
        kept = dp;
      }
      tile_gemm<I>(keys, l.ld, rows, Left<Acc>{kept, 1, l.ld_keys}, Right<Acc>{dout, l.ld, Block::kCols}, dv, l.ld,
                   true);
      tile_gemm<I>(rows, keys, l.dim, Left<Acc>{dout, l.ld, 1}, packed<I>(static_cast<const Acc*>(values_t), l.dim), dp,
                   l.ld_keys, false);
      if (s.dropout > 0) drop(s, batch * s.heads + head, i, dp, l.ld_keys, rows, keys);
      strip_slopes<I>(p, dp, l.ld_keys, rows, keys, Acc(s.scale), delta);
      tile_gemm<I>(rows, l.ld, keys, Left<Acc>{dp, l.ld_keys, 1}, Right<Acc>{k, l.ld, Block::kCols}, dq, l.ld, false);
      tile_gemm<I>(keys, l.ld, rows, Left<Acc>{dp, 1, l.ld_keys}, Right<Acc>{own_q, l.ld, Block::kCols}, dk, l.ld,
                   true);
      store_rows<I, T>(dq, l.ld, rows, l.dim, nullptr, dqkv + at + i * l.row, l.row);
    });
    store_rows<I, T>(dk, l.ld, l.tokens, l.dim, nullptr, dqkv + at + width, l.row);
    store_rows<I, T>(dv, l.ld, l.tokens, l.dim, nullptr, dqkv + at + 2 * width, l.row);
  });
}

}  // namespace

template <class T>
void attention(Cpu&, const Attention& shape, const T* qkv, T* y, accumulator_t<T>* lse) {
  with_isa([&]<Isa I>() { forward<I>(shape, qkv, y, lse); });
}

template <class T>
void attention_backward(Cpu&, const Attention& shape, const T* qkv, const T* y, const accumulator_t<T>* lse,
                        const T* dy, T* dqkv) {
  with_isa([&]<Isa I>() { backward<I>(shape, qkv, y, lse, dy, dqkv); });
}

#define FOVEA_INSTANTIATE(T, Acc)                                         \
  template void attention<T>(Cpu&, const Attention&, const T*, T*, Acc*); \
  template void attention_backward<T>(Cpu&, const Attention&, const T*, const T*, const Acc*, const T*, T*);
FOVEA_INSTANTIATE(float, float)
FOVEA_INSTANTIATE(double, double)
FOVEA_INSTANTIATE(bf16, float)

}  // namespace fovea::kernels
