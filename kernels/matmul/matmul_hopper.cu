// Matrix products of bf16 on Hopper (sm_90a): wgmma, tiles by the copy engine, warps with roles.
//
// A block has three warpgroups and stays until the work is done, taking tile after tile of C. One thread of the first
// warpgroup, the producer, asks the copy engine for tiles of A [128, 64] and B [64, kCols] into a ring of buffers; the
// other two multiply, 64 rows each, straight from shared memory. Per buffer two barriers: `full` counts the bytes that
// arrived, `empty` the consumer warps that are through with it. There is no barrier of the whole block after the start,
// and while the consumers write a result the producer fills buffers for the next one. Registers go where they are used:
// 40 a thread for the producer's warps, 232 for the consumers' (kCols / 2 of them are sums).
//
// The copy engine writes rows of 128 bytes in the 128-byte swizzle, which wgmma reads without bank conflicts, fills
// what lies outside the matrices with zeros, and handles transposed operands by wgmma's transposition.
//
//   wide    128 x 256 tile, 4 buffers of 48 KiB: 170 FLOP for each byte copied
//   narrow  128 x 128 tile, 6 buffers of 32 KiB, for results too small or narrow for the other
//
// Reads A n / kCols times and B m / 128 times through the second cache, writes C once.
#include <fovea/kernels/base/hopper.cuh>
#include <fovea/kernels/matmul/matmul.cuh>

namespace fovea::kernels::gemm {
namespace {

constexpr int kRows = kLargeTile, kDepth = kHopperDepth / 2, kConsumers = 2, kThreads = (1 + kConsumers) * 128;
[[maybe_unused]] constexpr int kBoxBytes = 64 * kDepth * 2;  // 64 rows or columns of a tile

template <int kCols>
struct Traits {
  static constexpr int kStages = kCols == kWideTile ? 4 : 6, kBytesA = kRows * kDepth * 2, kBytesB = kCols * kDepth * 2,
                       kBytes = kBytesA + kBytesB, kStageCols = 64, kStageBytes = Stage<16, kStageCols>::kBytes,
                       kShared = 1024 + kStages * kBytes + kConsumers * 4 * kStageBytes;
};

struct Maps {
  CUtensorMap a, b;
  bool repeat_a, repeat_b;  // one matrix for the whole batch
};

#ifdef __CUDA_ARCH_FEAT_SM90_ALL
template <int kStages>
struct Ring {
  uint64_t* barriers;  // full, then empty
  int stage = 0;
  uint32_t phase = 0;

  __device__ uint64_t* full() const { return barriers + stage; }
  __device__ uint64_t* empty() const { return barriers + kStages + stage; }
  __device__ void next() {
    if (++stage == kStages) stage = 0, phase ^= 1;
  }
};

template <bool kTransposeA, bool kTransposeB, int kCols>
__device__ void produce(const Job<bf16>& job, const Maps& maps, unsigned tiles, char* buffers,
                        Ring<Traits<kCols>::kStages> ring) {
  using S = Traits<kCols>;
  const int per_product = ceil_div(job.k, kDepth);
  for (unsigned tile = blockIdx.x; tile < tiles; tile += gridDim.x) {
    const Share share = share_of<kRows, kCols, kDepth>(job, tile);
#pragma unroll 1
    for (int i = share.begin; i < share.end; ++i, ring.next()) {
      int matrix = share.matrix + i / per_product, k = i % per_product * kDepth;
      int matrix_a = maps.repeat_a ? 0 : matrix, matrix_b = maps.repeat_b ? 0 : matrix;
      char *a = buffers + ring.stage * S::kBytes, *b = a + S::kBytesA;
      hopper::barrier_wait(ring.empty(), ring.phase ^ 1);
      hopper::barrier_expect(ring.full(), S::kBytes);
      if constexpr (kTransposeA) {
#pragma unroll
        for (int x = 0; x < kRows / 64; ++x)
          hopper::copy_box(a + x * kBoxBytes, &maps.a, share.row + x * 64, k, matrix_a, ring.full());
      } else {
        hopper::copy_box(a, &maps.a, k, share.row, matrix_a, ring.full());
      }
      if constexpr (kTransposeB) {
        hopper::copy_box(b, &maps.b, k, share.col, matrix_b, ring.full());
      } else {
#pragma unroll
        for (int x = 0; x < kCols / 64; ++x)
          hopper::copy_box(b + x * kBoxBytes, &maps.b, share.col + x * 64, k, matrix_b, ring.full());
      }
    }
  }
}

template <bool kTransposeA, bool kTransposeB, int kCols>
__device__ void consume(const Job<bf16>& job, unsigned tiles, int group, char* buffers, float* stage,
                        Ring<Traits<kCols>::kStages> ring) {
  using S = Traits<kCols>;
  constexpr int kHalves = kCols / 128;
  const int lane = int(threadIdx.x) % kWarp, warp = int(threadIdx.x) / kWarp % 4;
  for (unsigned tile = blockIdx.x; tile < tiles; tile += gridDim.x) {
    const Share share = share_of<kRows, kCols, kDepth>(job, tile);
    float sum[kHalves][64];
    uint64_t* used = nullptr;  // the barrier of the buffer before
    int i = share.begin;
#pragma unroll 1
    do {  // at least one: the sums are defined by it
      hopper::barrier_wait(ring.full(), ring.phase);
      const char* a = buffers + ring.stage * S::kBytes;
      uint64_t first = hopper::tile_descriptor(a + group * kBoxBytes), second = hopper::tile_descriptor(a + S::kBytesA);
      hopper::wgmma_fence();
#pragma unroll
      for (int step = 0; step < kDepth / 16; ++step)
#pragma unroll
        for (int half = 0; half < kHalves; ++half)
          hopper::wgmma_64x128<kTransposeA, !kTransposeB>(
              sum[half], first + step * hopper::kStep16<!kTransposeA>,
              second + step * hopper::kStep16<kTransposeB> + half * (2 * kBoxBytes >> 4), i > share.begin || step > 0);
      hopper::wgmma_commit();
      hopper::wgmma_wait<1>();
      if (used && lane == 0) hopper::barrier_arrive(used);
      used = ring.empty();
      ring.next();
    } while (++i < share.end);
    hopper::wgmma_wait<0>();
#pragma unroll
    for (int half = 0; half < kHalves; ++half) hopper::keep(sum[half]);
    if (used && lane == 0) hopper::barrier_arrive(used);

    using Out = Stage<16, S::kStageCols>;
    const int64_t offset = (int64_t(share.split) * job.matrices + share.matrix) * job.out.stride_c;
    const int row = share.row + group * 64 + warp * 16;
#pragma unroll
    for (int part = 0; part < kCols / S::kStageCols; ++part) {
      const float* values = sum[part / 2] + part % 2 * 32;
#pragma unroll
      for (int x = 0; x < S::kStageCols / 8; ++x)
#pragma unroll
        for (int half = 0; half < 2; ++half)
          *reinterpret_cast<float2*>(Out::at(stage, half * 8 + lane / 4, x * 8 + lane % 4 * 2)) =
              make_float2(values[x * 4 + half * 2], values[x * 4 + half * 2 + 1]);
      __syncwarp();
      const int col = share.col + part * S::kStageCols;
      if (job.out.wide)
        store_stage<float, 4, 16, S::kStageCols>(job, offset, row, col, stage);
      else
        store_stage<bf16, 8, 16, S::kStageCols>(job, offset, row, col, stage);
      __syncwarp();
    }
  }
}
#endif

template <bool kTransposeA, bool kTransposeB, int kCols>
__global__ void __launch_bounds__(kThreads, 1)
    hopper_kernel(const __grid_constant__ Job<bf16> job, const __grid_constant__ Maps maps, unsigned tiles) {
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
  using S = Traits<kCols>;
  extern __shared__ char shared[];
  __shared__ uint64_t barriers[2 * S::kStages];
  char* buffers = shared + (1024 - shared_address(shared) % 1024) % 1024;
  float* stages = reinterpret_cast<float*>(buffers + S::kStages * S::kBytes);
  if (threadIdx.x == 0) {
    hopper::prefetch_map(&maps.a);
    hopper::prefetch_map(&maps.b);
    for (int i = 0; i < S::kStages; ++i) {
      hopper::barrier_init(barriers + i, 1);
      hopper::barrier_init(barriers + S::kStages + i, kConsumers * 4);
    }
    hopper::barrier_init_fence();
  }
  __syncthreads();
  const int group = int(threadIdx.x) / 128;
  if (group == 0) {
    hopper::fewer_registers<40>();
    if (threadIdx.x == 0) produce<kTransposeA, kTransposeB, kCols>(job, maps, tiles, buffers, {barriers});
  } else {
    hopper::more_registers<232>();
    float* stage = stages + (threadIdx.x / kWarp - 4) * (S::kStageBytes / 4);
    consume<kTransposeA, kTransposeB, kCols>(job, tiles, group - 1, buffers, stage, {barriers});
  }
#endif
}

// Whether the kernel has a body: its barriers are static shared memory.
bool compiled_for_hopper() {
  static const bool compiled = hopper::has_body(hopper_kernel<false, false, 128>);
  return compiled;
}

template <int kCols>
void start(Cuda& ctx, const Job<bf16>& job, const MatmulSizes& s) {
  auto map = [&](const bf16* p, bool along_k, int64_t width, int64_t stride, int box) {
    return hopper::tensor_map(p, along_k ? s.k : width, along_k ? width : s.k, stride == 0 ? 1 : s.batch, stride,
                              along_k ? box : kDepth);
  };
  Maps maps{map(job.a, !s.transpose_a, s.m, s.stride_a, kRows), map(job.b, s.transpose_b, s.n, s.stride_b, kCols),
            s.stride_a == 0, s.stride_b == 0};
  unsigned tiles = blocks_of<kRows, kCols>(job), blocks = std::min(tiles, unsigned(ctx.multiprocessors));
  with_flags(s, [&](auto a, auto b) {
    launch(ctx, hopper_kernel<a, b, kCols>, blocks, kThreads, Traits<kCols>::kShared, job, maps, tiles);
  });
}

}  // namespace

bool hopper_takes(const Cuda& ctx, const Job<bf16>& job) {
  return ctx.capability == 90 && job.packed_a && job.packed_b && job.k > 0 && job.n % 8 == 0 && job.out.packed &&
         ctx.shared_per_block >= size_t(Traits<kWideTile>::kShared) && compiled_for_hopper();
}
void hopper_matmul(Cuda& ctx, const Job<bf16>& job, const MatmulSizes& s, Path path) {
  path == Path::wide ? start<kWideTile>(ctx, job, s) : start<kLargeTile>(ctx, job, s);
}

}  // namespace fovea::kernels::gemm
