// Matrix products on CUDA: which kernel, how many splits of k, and the second half of a split product. The kernels are
// in matmul_simt.cu (f32 proper), matmul_mma.cu (bf16 and tf32 on the tensor cores since sm_80) and matmul_hopper.cu
// (bf16 on sm_90).
//
// A result of few tiles and many summed pieces (gradients of weights) would leave most multiprocessors idle. Then k is
// split: blocks write their part of the sum to scratch, and reduce_splits adds the parts in their order, so the result
// is the same every time.
//
// epilogue_backward: each block takes a run of rows and 32 packs of columns, masks them and sums them down in
// registers; 8 rows of threads join in shared memory, the runs in a second kernel, all in a fixed order.
//                                                                       reads dy (and y) once, writes dz once
#include <fovea/kernels/device_scratch.h>
#include <fovea/kernels/precision.h>
#include <fovea/kernels/matmul/matmul.cuh>

namespace fovea::kernels {
namespace gemm {
namespace {

// C from the f32 sums of the splits, `parts` apart.
template <class Out, int N, class T>
__global__ void reduce_splits_kernel(const __grid_constant__ Job<T> job, const float* parts, int splits) {
  int64_t one = int64_t(job.m) * job.n, all = one * job.matrices;
  for (int64_t i = (int64_t(blockIdx.x) * blockDim.x + threadIdx.x) * N; i < all;
       i += int64_t(gridDim.x) * blockDim.x * N) {
    Pack<float, N> sum = load_pack<N>(parts + i);
    for (int split = 1; split < splits; ++split) {
      Pack<float, N> part = load_pack<N>(parts + split * all + i);
#pragma unroll
      for (int j = 0; j < N; ++j) sum[j] += part[j];
    }
    finish_pack<Out, N>(job.out, sum, i / one * job.out.stride_c + i % one, int(i % job.n));
  }
}

template <class Out, class T>
void reduce_splits(Cuda& ctx, const Job<T>& job, const float* parts, int splits) {
  constexpr int kThreads = 256;
  int64_t all = int64_t(job.m) * job.n * job.matrices;
  if (job.out.packed && job.n % 4 == 0)
    launch(ctx, reduce_splits_kernel<Out, 4, T>, grid_for(ctx, all / 4, kThreads), kThreads, 0, job, parts, splits);
  else
    launch(ctx, reduce_splits_kernel<Out, 1, T>, grid_for(ctx, all, kThreads), kThreads, 0, job, parts, splits);
}

template <class T>
bool packs(const T* p, int64_t row, int64_t stride) {
  return reinterpret_cast<uintptr_t>(p) % 16 == 0 && row % kPack<T> == 0 && stride % kPack<T> == 0;
}

template <class T, class Out>
Job<T> job_of(const MatmulSizes& s, const T* a, const T* b, Out* c, const MatmulOutput<T>& output) {
  if (std::max({s.m, s.n, s.k}) > INT_MAX - kLargeTile)
    throw std::runtime_error("matmul: want fewer than 2^31 rows, columns and summed elements");
  bool sums = s.stride_c == 0;
  Job<T> job{};
  job.a = a, job.b = b;
  job.m = int(s.m), job.n = int(s.n), job.k = int(s.k);
  job.stride_a = s.stride_a, job.stride_b = s.stride_b;
  job.packed_a = packs(a, s.transpose_a ? s.m : s.k, s.stride_a);
  job.packed_b = packs(b, s.transpose_b ? s.k : s.n, s.stride_b);
  job.matrices = int(sums ? 1 : s.batch), job.summed = int(sums ? s.batch : 1);
  job.splits = 1;
  job.out = {c,
             s.stride_c,
             output.bias,
             output.residual,
             float(output.alpha),
             float(output.beta),
             output.epilogue,
             sizeof(Out) == 4,
             packs(c, s.n, s.stride_c) && packs(output.bias, 0, 0) &&
                 (!output.residual || packs(output.residual, s.n, s.stride_c))};
  return job;
}

// How the work is cut: the largest tiles of which there are enough, or enough with k split; more parts while
// multiprocessors would be idle and a part keeps kLeastPieces pieces.
struct Plan {
  Path path;
  int splits;
};
template <class T>
Plan plan(const Cuda& ctx, const Job<T>& job) {
  constexpr int64_t kLeastPieces = 8, kMostSplits = 32, kMostScratch = int64_t(64) << 20;
  const int64_t results = int64_t(job.m) * job.n * job.matrices;
  int64_t busy = 0;  // blocks that work, as cut() has it last
  auto cut = [&](int rows, int cols, int depth_bytes, int blocks) {
    int64_t tiles = int64_t(ceil_div(job.m, rows)) * ceil_div(job.n, cols) * job.matrices;
    int64_t pieces = ceil_div<int64_t>(job.k * int64_t(sizeof(T)), depth_bytes) * job.summed;
    int64_t most = std::min({pieces / kLeastPieces, kMostSplits, kMostScratch / (results * 4)});
    int64_t splits = std::clamp<int64_t>(blocks * ctx.multiprocessors / tiles, 1, std::max<int64_t>(most, 1));
    busy = tiles * splits;
    return int(splits);
  };
  if (job.m > kSmallTile && job.n > kSmallTile) {
    if constexpr (sizeof(T) == 2)
      if (hopper_takes(ctx, job)) {
        int splits = cut(kLargeTile, kWideTile, kHopperDepth, 1);
        if (job.n > kLargeTile && busy >= ctx.multiprocessors * 3 / 4) return {Path::wide, splits};
        splits = cut(kLargeTile, kLargeTile, kHopperDepth, 1);
        if (busy >= ctx.multiprocessors / 2) return {Path::narrow, splits};
      }
    int splits = cut(kLargeTile, kLargeTile, kLargeDepth, 2);
    if (busy >= ctx.multiprocessors) return {Path::large, splits};
  }
  return {Path::small, cut(kSmallTile, kSmallTile, kSmallDepth, 2)};
}

template <class T>
void start(Cuda& ctx, const Job<T>& job, const MatmulSizes& s, Path path) {
  if constexpr (sizeof(T) == 4) {
    if (float32_precision() == Float32Precision::highest) return simt_matmul(ctx, job, s, path);
  } else {
    if (path == Path::narrow || path == Path::wide) return hopper_matmul(ctx, job, s, path);
  }
  mma_matmul(ctx, job, s, path);
}

}  // namespace
}  // namespace gemm

template <class T, class Out>
void matmul(Cuda& ctx, const MatmulSizes& s, const T* a, const T* b, Out* c, const MatmulOutput<T>& output) {
  if (s.m == 0 || s.n == 0 || s.batch == 0) return;
  gemm::Job<T> job = gemm::job_of(s, a, b, c, output);
  const gemm::Plan plan = gemm::plan(ctx, job);
  if (plan.splits == 1) return gemm::start(ctx, job, s, plan.path);

  DeviceScratch scratch(ctx);
  int64_t one = s.m * s.n;
  float* parts = scratch.take<float>(size_t(one * job.matrices * plan.splits));
  gemm::Job<T> sums = job;
  sums.splits = plan.splits;
  sums.out = {parts, one, nullptr, nullptr, 1, 0, Epilogue::none, true, s.n % 4 == 0};
  gemm::start(ctx, sums, s, plan.path);
  gemm::reduce_splits<Out>(ctx, job, parts, plan.splits);
}
template void matmul<float, float>(Cuda&, const MatmulSizes&, const float*, const float*, float*,
                                   const MatmulOutput<float>&);
template void matmul<bf16, bf16>(Cuda&, const MatmulSizes&, const bf16*, const bf16*, bf16*, const MatmulOutput<bf16>&);
template void matmul<bf16, float>(Cuda&, const MatmulSizes&, const bf16*, const bf16*, float*,
                                  const MatmulOutput<bf16>&);

namespace {

constexpr int kThreadRows = 8;  // as many as the elements of a pack: the block has a thread for every column

// Rows [blockIdx.y * run, ...), columns of 32 packs from blockIdx.x. partial [runs, cols] or null.
template <class T, int N>
__global__ void epilogue_backward_kernel(int64_t rows, int64_t cols, int64_t run, const T* y, const T* dy, T* dz,
                                         float* partial) {
  // Column c of the block is at c % N * kStep + c / N: banks are free for lanes N columns apart and for neighbours.
  constexpr int kStep = kWarp + kWarp / N;
  __shared__ float joined[kThreadRows][N * kStep];
  int64_t col = (int64_t(blockIdx.x) * kWarp + threadIdx.x) * N;
  int64_t begin = blockIdx.y * run, end = min(rows, begin + run);
  float sum[N] = {};
  if (col < cols) {
#pragma unroll 4
    for (int64_t row = begin + threadIdx.y; row < end; row += kThreadRows) {
      Pack<T, N> g = load_pack<N>(dy + row * cols + col);
      if (y) {
        Pack<T, N> value = load_pack<N>(y + row * cols + col);
#pragma unroll
        for (int i = 0; i < N; ++i)
          if (!(to_float(value[i]) > 0)) g[i] = from_float<T>(0);
        store_pack(dz + row * cols + col, g);
      }
#pragma unroll
      for (int i = 0; i < N; ++i) sum[i] += to_float(g[i]);
    }
  }
  if (!partial) return;
#pragma unroll
  for (int i = 0; i < N; ++i) joined[threadIdx.y][i * kStep + threadIdx.x] = sum[i];
  __syncwarp();
  __syncthreads();
  const int c = int(threadIdx.y * kWarp + threadIdx.x);
  col = int64_t(blockIdx.x) * kWarp * N + c;
  if (c >= kWarp * N || col >= cols) return;
  float total = 0;
#pragma unroll
  for (int r = 0; r < kThreadRows; ++r) total += joined[r][c % N * kStep + c / N];
  partial[blockIdx.y * cols + col] = total;
}

__global__ void join_kernel(int64_t runs, int64_t cols, const float* partial, float* bias) {
  int64_t col = int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
  if (col >= cols) return;
  float total = 0;
  for (int64_t i = 0; i < runs; ++i) total += partial[i * cols + col];
  bias[col] = total;
}

}  // namespace

template <class T>
void epilogue_backward(Cuda& ctx, int64_t rows, int64_t cols, const T* y, const T* dy, T* dz, accumulator_t<T>* bias) {
  if (cols == 0 || (!y && !bias)) return;
  constexpr int64_t kLeastRows = 64, kMostRuns = 512;
  int64_t run = std::max(ceil_div(rows, kMostRuns), kLeastRows), runs = ceil_div(rows, run);
  DeviceScratch scratch(ctx);
  float* partial = bias ? scratch.take<float>(size_t(std::max<int64_t>(runs, 1) * cols)) : nullptr;
  auto start = [&]<int N>(std::integral_constant<int, N>) {
    launch(ctx, epilogue_backward_kernel<T, N>, dim3(unsigned(ceil_div<int64_t>(cols, kWarp * N)), unsigned(runs)),
           dim3(kWarp, kThreadRows), 0, rows, cols, run, y, dy, dz, partial);
  };
  if (y ? allows_packs<T>(cols, y, dy, dz) : allows_packs<T>(cols, dy))
    start(std::integral_constant<int, kPack<T>>());
  else
    start(std::integral_constant<int, 1>());
  if (bias) launch(ctx, join_kernel, unsigned(ceil_div<int64_t>(cols, 128)), 128, 0, runs, cols, partial, bias);
}
template void epilogue_backward<float>(Cuda&, int64_t, int64_t, const float*, const float*, float*, float*);
template void epilogue_backward<bf16>(Cuda&, int64_t, int64_t, const bf16*, const bf16*, bf16*, float*);

}  // namespace fovea::kernels
