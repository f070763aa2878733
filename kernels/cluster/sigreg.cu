// SIGReg: a block takes 8 neighbouring columns of a view, which are whole sectors of every row. Its threads are 8
// columns x 32 rows: each adds up the cosines and sines of its rows for all knots, in registers, from one sine and
// cosine an element. The sums of 32 rows meet by shuffles within a warp and through shared memory between the warps, in
// an order that never changes; then one thread for each sum makes its part of the statistic and the gradient's factor.
// The gradient reads the columns again, from the L2 cache, and writes them. Nothing else is read or written: rows x
// slices floats in, as many out.
#include <fovea/kernels/cluster/sigreg_isa.h>
#include <fovea/kernels/sigreg.h>
#include <fovea/kernels/vector_math.h>
#include <fovea/kernels/base/cuda_utils.cuh>

namespace fovea::kernels {
namespace {

constexpr int kColumns = 8, kThreads = 256, kRows = kThreads / kColumns, kWarps = kThreads / kWarp;
constexpr int kKnots = SigRegKnots::kCount, kSums = 2 * kKnots;
static_assert(kSums * kColumns == kThreads);

// Calls body(k, cosine, sine) for the knots of one element, in order.
template <class F>
__device__ void for_each_knot(float p, F&& body) {
  const math::SinCos<float> step = math::sincos(p * float(SigRegKnots::kStep));
  float cos = step.cos, sin = step.sin;
#pragma unroll
  for (int k = 0; k < kKnots; ++k) {
    body(k, cos, sin);
    const float turned = cos * step.cos - sin * step.sin;
    sin = sin * step.cos + cos * step.sin;
    cos = turned;
  }
}

__global__ void __launch_bounds__(kThreads)
    sigreg_kernel(const SigReg shape, const SigRegKnots knots, float* p, float* statistic, bool gradient) {
  __shared__ float sums[kWarps][kSums][kColumns];
  __shared__ float parts[kSums][kColumns], factors[kSums][kColumns];
  const int column = threadIdx.x % kColumns, row = threadIdx.x / kColumns, warp = threadIdx.x / kWarp;
  const int64_t strips = ceil_div<int64_t>(shape.slices, kColumns), view = blockIdx.x / strips,
                slice = blockIdx.x % strips * kColumns + column;
  const bool inside = slice < shape.slices;
  float* mine = p + view * shape.rows * shape.slices + slice;

  float sum[kSums] = {};  // cosines, then sines
  for (int64_t n = row; n < shape.rows && inside; n += kRows)
    for_each_knot(mine[n * shape.slices], [&](int k, float cos, float sin) {
      sum[k] += cos;
      sum[kKnots + k] += sin;
    });
#pragma unroll
  for (int i = 0; i < kSums; ++i) {
#pragma unroll
    for (int offset = kColumns; offset < kWarp; offset *= 2) sum[i] += __shfl_xor_sync(kAllLanes, sum[i], offset);
    if (threadIdx.x % kWarp < kColumns) sums[warp][i][column] = sum[i];
  }
  block_barrier();
  {
    const int i = row, k = i % kKnots;
    float total = 0;
    for (int w = 0; w < kWarps; ++w) total += sums[w][i][column];
    const float weight = float(knots.weight[k]);
    const float apart = total / float(shape.rows) - (i < kKnots ? float(knots.phi[k]) : 0.0f);
    parts[i][column] = weight * apart * apart;
    // Cosines are multiplied with what the sines differ by, sines with the negative of what the cosines do.
    factors[(i + kKnots) % kSums][column] =
        (i < kKnots ? -2.0f : 2.0f) * weight * float((k + 1) * SigRegKnots::kStep) * apart;
  }
  block_barrier();
  if (row == 0 && inside) {
    float total = 0;
    for (int i = 0; i < kSums; ++i) total += parts[i][column];
    statistic[view * shape.slices + slice] = float(shape.rows) * total;
  }
  if (!gradient) return;
  float factor[kSums];
#pragma unroll
  for (int i = 0; i < kSums; ++i) factor[i] = factors[i][column];
  for (int64_t n = row; n < shape.rows && inside; n += kRows) {
    float d = 0;
    for_each_knot(mine[n * shape.slices],
                  [&](int k, float cos, float sin) { d += factor[k] * cos + factor[kKnots + k] * sin; });
    mine[n * shape.slices] = d;
  }
}

}  // namespace

template <>
void sigreg<float>(Cuda& ctx, const SigReg& shape, float* p, float* statistic, bool gradient) {
  const int64_t strips = ceil_div<int64_t>(shape.slices, kColumns);
  launch(ctx, sigreg_kernel, dim3(unsigned(shape.views * strips)), dim3(kThreads), 0, shape, sigreg_knots(), p,
         statistic, gradient);
}

}  // namespace fovea::kernels
