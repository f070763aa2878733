#include <fovea/kernels/similarity/match_isa.h>

namespace fovea::kernels {

template <Isa I, class T>
void nearest_places(const T* a, int64_t from, const T* b, int64_t to, int64_t dim, accumulator_t<T>* distance,
                    int64_t* place) {
  using Acc = accumulator_t<T>;
  for (int64_t i = 0; i < from; ++i, a += dim) {
    distance[i] = Acc(__builtin_inf());
    place[i] = 0;
    for (int64_t j = 0; j < to; ++j) {
      const T* other = b + j * dim;
      Acc squares = 0;
#pragma omp simd reduction(+ : squares)
      for (int64_t d = 0; d < dim; ++d) squares += (Acc(a[d]) - Acc(other[d])) * (Acc(a[d]) - Acc(other[d]));
      if (squares < distance[i]) distance[i] = squares, place[i] = j;
    }
  }
}

#define FOVEA_INSTANTIATE(T) \
  template void nearest_places<kIsa>(const T*, int64_t, const T*, int64_t, int64_t, accumulator_t<T>*, int64_t*);
FOVEA_INSTANTIATE(float)
FOVEA_INSTANTIATE(double)
FOVEA_INSTANTIATE(bf16)

}  // namespace fovea::kernels
