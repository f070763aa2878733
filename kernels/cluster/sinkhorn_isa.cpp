#include <fovea/kernels/base/softmax_isa.h>
#include <fovea/kernels/base/stores.h>
#include <fovea/kernels/cluster/sinkhorn_isa.h>

namespace fovea::kernels {

template <Isa I, class T>
accumulator_t<T> sinkhorn_masses(const T* scores, int64_t prototypes, accumulator_t<T> sharpness,
                                 accumulator_t<T>* mass) {
  using Acc = accumulator_t<T>;
  const Acc largest = row_max(scores, prototypes);
#pragma omp simd
  for (int64_t k = 0; k < prototypes; ++k) mass[k] = math::exp((Acc(scores[k]) - largest) * sharpness);
  return largest;
}

template <Isa I, class Acc>
Acc sinkhorn_row(const Acc* mass, const Acc* u, int64_t prototypes) {
  Acc sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t k = 0; k < prototypes; ++k) sum += mass[k] * u[k];
  return sum;
}

template <Isa I, class Acc>
void sinkhorn_columns(const Acc* mass, Acc v, int64_t prototypes, Acc* sums) {
#pragma omp simd
  for (int64_t k = 0; k < prototypes; ++k) sums[k] += mass[k] * v;
}

template <Isa I, class T>
void sinkhorn_code(const accumulator_t<T>* mass, const accumulator_t<T>* u, accumulator_t<T> scale, int64_t prototypes,
                   T* code) {
#pragma omp simd
  for (int64_t k = 0; k < prototypes; ++k) put(code + k, mass[k] * u[k] * scale);
}

#define FOVEA_INSTANTIATE(T, Acc)                                   \
  template Acc sinkhorn_masses<kIsa>(const T*, int64_t, Acc, Acc*); \
  template void sinkhorn_code<kIsa, T>(const Acc*, const Acc*, Acc, int64_t, T*);
FOVEA_INSTANTIATE(float, float)
FOVEA_INSTANTIATE(double, double)
FOVEA_INSTANTIATE(bf16, float)
#undef FOVEA_INSTANTIATE
#define FOVEA_INSTANTIATE(Acc)                                      \
  template Acc sinkhorn_row<kIsa>(const Acc*, const Acc*, int64_t); \
  template void sinkhorn_columns<kIsa>(const Acc*, Acc, int64_t, Acc*);
FOVEA_INSTANTIATE(float)
FOVEA_INSTANTIATE(double)

}  // namespace fovea::kernels
