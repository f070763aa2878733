#pragma once

// What kernels that reduce share: reductions of any value over a group of threads, and the kernel of row operations,
// which reduce each row of [rows, cols] to a state and then write a row from it.
#include <type_traits>

#include <fovea/kernels/base/for_each.cuh>

namespace fovea::kernels {

template <class V>
__device__ V shuffle_xor(V v, int offset) {
  if constexpr (std::is_arithmetic_v<V>) {
    return __shfl_xor_sync(kAllLanes, v, offset);
  } else {
    constexpr int kWords = sizeof(V) / 4;
    static_assert(sizeof(V) % 4 == 0);
    uint32_t words[kWords];
    memcpy(words, &v, sizeof(V));
#pragma unroll
    for (int i = 0; i < kWords; ++i) words[i] = __shfl_xor_sync(kAllLanes, words[i], offset);
    memcpy(&v, words, sizeof(V));
    return v;
  }
}
// Over groups of `lanes` neighbouring lanes, a power of two; every lane gets its group's result.
template <class V, class Combine>
__device__ V lanes_reduce(V v, int lanes, Combine combine) {
  for (int offset = lanes / 2; offset > 0; offset /= 2) v = combine(v, shuffle_xor(v, offset));
  return v;
}
// Over kThreads threads: a warp, or a block of several, which then uses `shared` [kThreads / 32].
template <int kThreads, class V, class Combine>
__device__ V group_reduce(V v, V* shared, Combine combine) {
  v = lanes_reduce(v, kWarp, combine);
  if constexpr (kThreads > kWarp) {
    if (threadIdx.x % kWarp == 0) shared[threadIdx.x / kWarp] = v;
    __syncthreads();
    v = shared[0];
#pragma unroll
    for (int i = 1; i < kThreads / kWarp; ++i) v = combine(v, shared[i]);
  }
  return v;
}

// A row operation Op over one array or two of elements T:
//   kPair               two arrays are read
//   kWrites             a row is written
//   State               what a row is reduced to; identity(), add(state, values of a pack)
//   join<kThreads>(state, shared)   all threads' states as one, in each of them; `shared` has kThreads / 32 States
//   left(), right()     the arrays
//   begin(row, state, first)   called by every thread with the row's state, returns what write() gets; `first` is true
//                       in one thread of the row
//   write(parameters, i, values)   writes the values at i, counted in the whole array
//
// kThreads threads do a row, N elements an access. Where kKept the row stays in kHeld<N> registers a thread between its
// reduction and its result, and is read once; longer rows are read twice, the second time mostly from the L2 cache.
template <int N>
inline constexpr int kHeld = N == 1 ? 8 : 16;

template <class Op, int kThreads, int N, bool kKept>
__global__ void __launch_bounds__(kThreads < 128 ? 128 : kThreads)
    rows_kernel(const __grid_constant__ Op op, int64_t rows, int64_t cols) {
  using State = typename Op::State;
  using Pack = Values<float, N>;
  constexpr int kBlock = kThreads < 128 ? 128 : kThreads, kPacks = kKept ? kHeld<N> / N : 1;
  __shared__ State shared[kThreads > kWarp ? kThreads / kWarp : 1];
  const int64_t row = int64_t(blockIdx.x) * (kBlock / kThreads) + threadIdx.x / kThreads, first = row * cols;
  if (kThreads == kWarp && row >= rows) return;
  const int thread = threadIdx.x % kThreads;
  auto read = [&](auto c, Pack& left, Pack& right) {
    left = load_values<N>(op.left() + first + c);
    if constexpr (Op::kPair) right = load_values<N>(op.right() + first + c);
  };
  Pack left[kPacks], right[Op::kPair ? kPacks : 1];
  State state = Op::identity();
  if constexpr (kKept) {
#pragma unroll
    for (int k = 0; k < kPacks; ++k)
      if (const int c = (k * kThreads + thread) * N; c < int(cols)) read(c, left[k], right[Op::kPair ? k : 0]);
#pragma unroll
    for (int k = 0; k < kPacks; ++k)
      if ((k * kThreads + thread) * N < int(cols)) state = Op::add(state, left[k], right[Op::kPair ? k : 0]);
  } else {
#pragma unroll 2
    for (int64_t c = thread * N; c < cols; c += kThreads * N) {
      read(c, left[0], right[0]);
      state = Op::add(state, left[0], right[0]);
    }
  }
  state = Op::template join<kThreads>(state, shared);
  const auto parameters = op.begin(row, state, thread == 0);
  if constexpr (!Op::kWrites) {
    return;
  } else if constexpr (kKept) {
#pragma unroll
    for (int k = 0; k < kPacks; ++k)
      if (const int c = (k * kThreads + thread) * N; c < int(cols))
        op.write(parameters, first + c, left[k], right[Op::kPair ? k : 0]);
  } else {
#pragma unroll 2
    for (int64_t c = thread * N; c < cols; c += kThreads * N) {
      read(c, left[0], right[0]);
      op.write(parameters, first + c, left[0], right[0]);
    }
  }
}

template <int N, class Op>
void for_each_row_by(Cuda& ctx, const Op& op, int64_t rows, int64_t cols) {
  if (cols <= kWarp * kHeld<N>)
    launch(ctx, rows_kernel<Op, kWarp, N, true>, unsigned(ceil_div<int64_t>(rows, 128 / kWarp)), 128, 0, op, rows,
           cols);
  else if (cols <= 128 * kHeld<N>)
    launch(ctx, rows_kernel<Op, 128, N, true>, unsigned(rows), 128, 0, op, rows, cols);
  else if (cols <= 512 * kHeld<N>)
    launch(ctx, rows_kernel<Op, 512, N, true>, unsigned(rows), 512, 0, op, rows, cols);
  else
    launch(ctx, rows_kernel<Op, 512, N, false>, unsigned(rows), 512, 0, op, rows, cols);
}
// `packed`: every row of every array begins aligned to 16 bytes.
template <class T, class Op>
void for_each_row(Cuda& ctx, const Op& op, int64_t rows, int64_t cols, bool packed) {
  if (packed)
    for_each_row_by<kPack<T>>(ctx, op, rows, cols);
  else
    for_each_row_by<1>(ctx, op, rows, cols);
}

}  // namespace fovea::kernels
