// Matching: a block takes an image. Each of its warps takes places of a in turn and goes through the places of b, its
// lanes along the dimensions, so that rows are read as they lie; what it finds goes to shared memory. Then a thread
// counts, for its place of a, the nearer ones, and those before it that count too, which is where its pair is written.
// b is read once from memory and then from the caches: an image's map is a few tens of KiB.
#include <fovea/kernels/match.h>
#include <fovea/kernels/similarity/match_isa.h>
#include <fovea/kernels/base/cuda_utils.cuh>

namespace fovea::kernels {
namespace {

constexpr int kThreads = 256, kWarps = kThreads / kWarp;

template <class T>
__global__ void __launch_bounds__(kThreads)
    match_kernel(const Match shape, const T* a, const T* b, int64_t* a_places, int64_t* b_places) {
  extern __shared__ float distance[];  // [from], then [from] places and [from] flags
  int* place = reinterpret_cast<int*>(distance + shape.from);
  int* among = place + shape.from;
  const int64_t image = blockIdx.x, lane = threadIdx.x % kWarp;
  a += image * shape.from * shape.dim, b += image * shape.to * shape.dim;
  for (int64_t i = threadIdx.x / kWarp; i < shape.from; i += kWarps) {
    float nearest = INFINITY;
    int at = 0;
    for (int64_t j = 0; j < shape.to; ++j) {
      float squares = 0;
      for (int64_t d = lane; d < shape.dim; d += kWarp) {
        const float apart = to_float(a[i * shape.dim + d]) - to_float(b[j * shape.dim + d]);
        squares += apart * apart;
      }
      squares = warp_reduce(squares);
      if (squares < nearest) nearest = squares, at = int(j);
    }
    if (lane == 0) distance[i] = nearest, place[i] = at;
  }
  block_barrier();
  for (int64_t i = threadIdx.x; i < shape.from; i += kThreads)
    among[i] = is_among(distance, shape.from, i, shape.count);
  block_barrier();
  for (int64_t i = threadIdx.x; i < shape.from; i += kThreads) {
    if (!among[i]) continue;
    int64_t to = image * shape.count;
    for (int64_t j = 0; j < i; ++j) to += among[j];
    a_places[to] = i, b_places[to] = place[i];
  }
}

__global__ void __launch_bounds__(kThreads)
    cell_kernel(const float* affine, int64_t cells, int64_t height, int64_t width, int64_t n, float* centres) {
  const int64_t i = int64_t(blockIdx.x) * kThreads + threadIdx.x;
  if (i < n) cell_centre(affine + i / cells * 6, height, width, i % cells, centres + i * 2);
}

}  // namespace

template <class T>
void match_nearest(Cuda& ctx, const Match& shape, const T* a, const T* b, int64_t* a_places, int64_t* b_places) {
  launch(ctx, match_kernel<T>, dim3(unsigned(shape.images)), dim3(kThreads), size_t(shape.from) * 3 * sizeof(float),
         shape, a, b, a_places, b_places);
}

void cell_centres(Cuda& ctx, const float* affine, int64_t images, int64_t height, int64_t width, float* centres) {
  const int64_t cells = height * width, n = images * cells;
  launch(ctx, cell_kernel, dim3(unsigned(ceil_div<int64_t>(n, kThreads))), dim3(kThreads), 0, affine, cells, height,
         width, n, centres);
}

#define FOVEA_INSTANTIATE(T) \
  template void match_nearest<T>(Cuda&, const Match&, const T*, const T*, int64_t*, int64_t*);
FOVEA_INSTANTIATE(float)
FOVEA_INSTANTIATE(bf16)

}  // namespace fovea::kernels
