#include <fovea/kernels/match.h>

#include <fovea/kernels/scratch.h>
#include <fovea/kernels/similarity/match_isa.h>

namespace fovea::kernels {

template <class T>
void match_nearest(Cpu&, const Match& shape, const T* a, const T* b, int64_t* a_places, int64_t* b_places) {
  using Acc = accumulator_t<T>;
  const int64_t images = shape.images, from = shape.from, to = shape.to, dim = shape.dim, count = shape.count;
  Scratch scratch;
  Acc* distances = scratch.take<Acc>(size_t(images * from));
  int64_t* places = scratch.take<int64_t>(size_t(images * from));
#pragma omp parallel for schedule(static) if (images * from * to * dim > kParallelGrain)
  for (int64_t n = 0; n < images; ++n) {
    Acc* distance = distances + n * from;
    int64_t* place = places + n * from;
    with_isa([&]<Isa I>() { nearest_places<I>(a + n * from * dim, from, b + n * to * dim, to, dim, distance, place); });
    int64_t at = n * count;
    for (int64_t i = 0; i < from; ++i)
      if (is_among(distance, from, i, count)) a_places[at] = i, b_places[at++] = place[i];
  }
}

void cell_centres(Cpu&, const float* affine, int64_t images, int64_t height, int64_t width, float* centres) {
  const int64_t cells = height * width;
#pragma omp parallel for schedule(static) if (images * cells > kParallelGrain)
  for (int64_t n = 0; n < images; ++n)
    for (int64_t i = 0; i < cells; ++i) cell_centre(affine + n * 6, height, width, i, centres + (n * cells + i) * 2);
}

#define FOVEA_INSTANTIATE(T) template void match_nearest<T>(Cpu&, const Match&, const T*, const T*, int64_t*, int64_t*);
FOVEA_INSTANTIATE(float)
FOVEA_INSTANTIATE(double)
FOVEA_INSTANTIATE(bf16)

}  // namespace fovea::kernels
