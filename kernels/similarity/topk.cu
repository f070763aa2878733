// Fused similarity and top-k on the streaming core of contrast.cuh: similarities exist in registers only.
//
// A warp owns 16 queries. Of each tile it keeps what beats the query's k-th best so far: candidates are appended to the
// query's list in memory, 8 bytes each, and a full list is cut down to its k best by bisection over the bits of its
// keys. Keys order by (score, lower row first), so that lists are sets: nothing depends on the order of arrival. Few
// queries: the bank is dealt to several blocks. A last kernel joins a query's lists, selects and sorts.
//
//   reads the bank once for every 64 queries, from L2; writes about k log(rows / k) candidates a query
//   products are exact for bf16 and of f32's precision for f32 (contrast.cuh)
#include <algorithm>

#include <fovea/kernels/device_scratch.h>
#include <fovea/kernels/topk.h>
#include <fovea/kernels/similarity/contrastive.cuh>

namespace fovea::kernels {
namespace {

using contrast::Side;
using contrast::Stream;
template <class T>
using Core = contrast::Streamer<T, 1>;

// A score and its row as one number that orders them: larger is nearer, then the lower row.
using Key = unsigned long long;
__device__ Key key_of(float score, uint32_t row) {
  uint32_t bits = __float_as_uint(score + 0.0f);  // -0 is 0
  bits = bits & 0x80000000u ? ~bits : bits | 0x80000000u;
  return Key(bits) << 32 | (0xffffffffu - row);
}
__device__ float score_of(Key key) {
  uint32_t bits = uint32_t(key >> 32);
  return __uint_as_float(bits & 0x80000000u ? bits & 0x7fffffffu : ~bits);
}
__device__ uint32_t row_of(Key key) {
  return 0xffffffffu - uint32_t(key);
}

// The k-th largest of `count` different keys, k at most count; by a warp.
__device__ Key kth_largest(const Key* keys, int64_t count, int64_t k) {
  int lane = threadIdx.x % kWarp;
  Key found = 0;
  for (int bit = 63; bit >= 0; --bit) {
    Key trial = found | Key(1) << bit;
    int above = 0;
    for (int64_t i = lane; i < count; i += kWarp) above += keys[i] >= trial;
    if (warp_reduce(above) >= k) found = trial;
  }
  return found;
}

// Moves the keys of at least `least` to `to`, which may be `from`; returns how many. By a warp.
__device__ int64_t keep(const Key* from, int64_t count, Key least, Key* to) {
  int lane = threadIdx.x % kWarp;
  int64_t kept = 0;
  for (int64_t base = 0; base < count; base += kWarp) {
    bool there = base + lane < count;
    Key key = there ? from[base + lane] : 0;
    unsigned chosen = __ballot_sync(kAllLanes, there && key >= least);
    if (chosen >> lane & 1) to[kept + __popc(chosen & ((1u << lane) - 1))] = key;
    kept += __popc(chosen);
    __syncwarp();
  }
  return kept;
}

struct Lists {
  Key* keys;       // [queries, splits, room]
  int32_t* count;  // [queries, splits]
  int64_t k, room;
  int splits;
};

template <class T>
__global__ void __launch_bounds__(contrast::kThreads, 2) collect_kernel(const Stream<T> s, Lists lists) {
  extern __shared__ uint4 shared[];
  Core<T> core(s, shared, 0);
  int lane = threadIdx.x % kWarp, t = lane % 4;
  Key* mine[2];
  int count[2] = {};
  float limit[2];
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    int64_t query = core.row(0, h);
    bool inside = query < s.x.count;
    mine[h] = lists.keys + ((inside ? query : 0) * lists.splits + blockIdx.y) * lists.room;
    limit[h] = inside ? -INFINITY : INFINITY;
  }
  core.run([&](auto& tile, int64_t first, const float*, const float* shift, const uint4*, bool special) {
    bool any = false;
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      // Lists without room for a tile, one after the other.
      for (unsigned full = __ballot_sync(kAllLanes, count[h] + Core<T>::kCols > lists.room); full;) {
        int of = __ffs(full) - 1;
        Key* keys = reinterpret_cast<Key*>(__shfl_sync(kAllLanes, reinterpret_cast<Key>(mine[h]), of));
        int held = __shfl_sync(kAllLanes, count[h], of);
        __syncwarp();
        Key least = kth_largest(keys, held, lists.k);
        keep(keys, held, least, keys);
        if (lane / 4 == of / 4) count[h] = int(lists.k), limit[h] = score_of(least);
        full &= ~(0xfu << (of & ~3));
      }
#pragma unroll
      for (int i = 0; i < Core<T>::kColTiles * 2; ++i) {
        int at = i / 2 * 8 + 2 * t + i % 2;
        float& score = tile[0][i / 2][2 * h + i % 2];
        if (s.y.shift) score -= shift[at];
        if (special && first + at >= s.y.count) score = -INFINITY;
        any |= score > limit[h];
      }
    }
    if (!__any_sync(kAllLanes, any)) return;
#pragma unroll
    for (int h = 0; h < 2; ++h)
#pragma unroll
      for (int i = 0; i < Core<T>::kColTiles * 2; ++i) {
        float score = tile[0][i / 2][2 * h + i % 2];
        bool nearer = score > limit[h];
        unsigned of_row = __ballot_sync(kAllLanes, nearer) >> (lane & ~3) & 0xfu;
        if (nearer)
          mine[h][count[h] + __popc(of_row & ((1u << t) - 1))] =
              key_of(score, uint32_t(first + i / 2 * 8 + 2 * t + i % 2));
        count[h] += __popc(of_row);
      }
  });
#pragma unroll
  for (int h = 0; h < 2; ++h)
    if (t == 0 && core.row(0, h) < s.x.count) lists.count[core.row(0, h) * lists.splits + blockIdx.y] = count[h];
}

// A warp a query.
template <class T>
__global__ void finish_kernel(const T* queries, int64_t count, int64_t dim, Lists lists, bool distances, float* values,
                              int64_t* index) {
  int64_t query = (int64_t(blockIdx.x) * blockDim.x + threadIdx.x) / kWarp;
  int lane = threadIdx.x % kWarp;
  if (query >= count) return;
  Key* keys = lists.keys + query * lists.splits * lists.room;
  int64_t held = 0;
  for (int i = 0; i < lists.splits; ++i)
    held += keep(keys + i * lists.room, lists.count[query * lists.splits + i], 0, keys + held);
  if (held > lists.k) held = keep(keys, held, kth_largest(keys, held, lists.k), keys);
  float norm = 0;
  for (int64_t d = lane; distances && d < dim; d += kWarp) {
    float q = to_float(queries[query * dim + d]);
    norm += q * q;
  }
  norm = warp_reduce(norm);
  values += query * lists.k, index += query * lists.k;
  for (int64_t i = lane; i < held; i += kWarp) {
    Key key = keys[i];
    int64_t rank = 0;
    for (int64_t j = 0; j < held; ++j) rank += keys[j] > key;
    values[rank] = distances ? fmaxf(0.0f, norm - 2 * score_of(key)) : score_of(key);
    index[rank] = row_of(key);
  }
  for (int64_t i = held + lane; i < lists.k; i += kWarp) values[i] = distances ? INFINITY : -INFINITY, index[i] = -1;
}

template <class T>
__global__ void half_norms_kernel(const T* rows, int64_t count, int64_t dim, float* half) {
  int64_t r = (int64_t(blockIdx.x) * blockDim.x + threadIdx.x) / kWarp;
  if (r >= count) return;
  float squares = 0;
  for (int64_t d = threadIdx.x % kWarp; d < dim; d += kWarp) {
    float x = to_float(rows[r * dim + d]);
    squares += x * x;
  }
  squares = warp_reduce(squares);
  if (threadIdx.x % kWarp == 0) half[r] = squares / 2;
}

}  // namespace

template <class T>
void topk(Cuda& ctx, const TopK& shape, const T* queries, const T* bank, accumulator_t<T>* values, int64_t* index) {
  if (shape.queries == 0 || shape.k == 0) return;
  DeviceScratch scratch(ctx);
  const bool distances = shape.metric == Metric::squared_distance;
  float* half = distances ? scratch.take<float>(size_t(shape.rows)) : nullptr;
  if (distances)
    launch(ctx, half_norms_kernel<T>, unsigned(ceil_div<int64_t>(shape.rows, 8)), 256, 0, bank, shape.rows, shape.dim,
           half);
  // Groups of queries that fill the device three times over: the lists of one group are all there ever are.
  const int64_t most = int64_t(3) * ctx.multiprocessors * Core<T>::kRows, group = std::min(shape.queries, most);
  const int64_t tiles = ceil_div<int64_t>(shape.rows, Core<T>::kCols),
                blocks = ceil_div<int64_t>(group, Core<T>::kRows);
  const int64_t share = ceil_div(tiles, std::clamp<int64_t>(3 * ctx.multiprocessors / blocks, 1, tiles));
  Lists lists{nullptr, nullptr, shape.k, 2 * shape.k + Core<T>::kCols, int(ceil_div(tiles, share))};
  lists.keys = scratch.take<Key>(size_t(group * lists.splits * lists.room));
  lists.count = scratch.take<int32_t>(size_t(group * lists.splits));
  for (int64_t q = 0; q < shape.queries; q += group) {
    int64_t count = std::min(group, shape.queries - q);
    const T* some = queries + q * shape.dim;
    Stream<T> s{Side<T>{some, some, count, count, shape.dim, nullptr, nullptr},
                Side<T>{bank, bank, shape.rows, shape.rows, shape.dim, nullptr, half},
                {},
                {},
                int(share),
                allows_packs<T>(shape.dim, some, bank)};
    launch(ctx, collect_kernel<T>, dim3(unsigned(ceil_div<int64_t>(count, Core<T>::kRows)), unsigned(lists.splits)),
           contrast::kThreads, Core<T>::shared_bytes(shape.dim), s, lists);
    launch(ctx, finish_kernel<T>, unsigned(ceil_div<int64_t>(count, 4)), 128, 0, some, count, shape.dim, lists,
           distances, values + q * shape.k, index + q * shape.k);
  }
}
template void topk<float>(Cuda&, const TopK&, const float*, const float*, float*, int64_t*);
template void topk<bf16>(Cuda&, const TopK&, const bf16*, const bf16*, float*, int64_t*);

}  // namespace fovea::kernels
