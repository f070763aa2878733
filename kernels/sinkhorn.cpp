#include <fovea/kernels/sinkhorn.h>

#include <algorithm>
#include <cmath>
#include <type_traits>

#include <fovea/kernels/scratch.h>
#include <fovea/kernels/vector_math.h>

namespace fovea::kernels {

template <class T>
void sinkhorn(Cpu&, const Sinkhorn& shape, const T* scores, T* codes) {
  using Acc = accumulator_t<T>;
  const int64_t samples = shape.samples, prototypes = shape.prototypes;
  if (samples == 0 || prototypes == 0) return;
  const Acc sharpness = Acc(1 / shape.epsilon);
  Scratch scratch;
  Acc *u = scratch.take<Acc>(size_t(prototypes)), *v = scratch.take<Acc>(size_t(samples)),
      *top = scratch.take<Acc>(size_t(samples));
  // The exponentials, made once: where the codes will be, if they fit.
  Acc* mass;
  if constexpr (std::is_same_v<T, Acc>)
    mass = codes;
  else
    mass = scratch.take<Acc>(size_t(samples * prototypes));
  const bool parallel = samples * prototypes > kParallelGrain;
#pragma omp parallel for schedule(static) if (parallel)
  for (int64_t b = 0; b < samples; ++b) {
    const T* row = scores + b * prototypes;
    Acc* out = mass + b * prototypes;
    Acc largest = Acc(row[0]);
    for (int64_t k = 1; k < prototypes; ++k) largest = std::max(largest, Acc(row[k]));
    for (int64_t k = 0; k < prototypes; ++k) out[k] = math::exp((Acc(row[k]) - largest) * sharpness);
    top[b] = largest;
  }
  const Acc most = *std::max_element(top, top + samples);
  for (int64_t b = 0; b < samples; ++b) v[b] = math::exp((top[b] - most) * sharpness);
  for (int i = 0; i < shape.iterations; ++i) {
    // Columns in blocks, so that every thread reads along rows and no sum is shared.
    constexpr int64_t kCols = 256;
#pragma omp parallel for schedule(static) if (parallel)
    for (int64_t first = 0; first < prototypes; first += kCols) {
      const int64_t last = std::min(prototypes, first + kCols);
      std::fill(u + first, u + last, Acc(0));
      for (int64_t b = 0; b < samples; ++b)
        for (int64_t k = first; k < last; ++k) u[k] += mass[b * prototypes + k] * v[b];
      for (int64_t k = first; k < last; ++k) u[k] = u[k] > 0 ? 1 / (Acc(prototypes) * u[k]) : 0;
    }
#pragma omp parallel for schedule(static) if (parallel)
    for (int64_t b = 0; b < samples; ++b) {
      Acc sum = 0;
#pragma omp simd reduction(+ : sum)
      for (int64_t k = 0; k < prototypes; ++k) sum += mass[b * prototypes + k] * u[k];
      v[b] = sum > 0 ? 1 / (Acc(samples) * sum) : 0;
    }
  }
#pragma omp parallel for schedule(static) if (parallel)
  for (int64_t b = 0; b < samples; ++b)
    for (int64_t k = 0; k < prototypes; ++k)
      codes[b * prototypes + k] = T(Acc(samples) * u[k] * v[b] * mass[b * prototypes + k]);
}
template void sinkhorn<float>(Cpu&, const Sinkhorn&, const float*, float*);
template void sinkhorn<double>(Cpu&, const Sinkhorn&, const double*, double*);
template void sinkhorn<bf16>(Cpu&, const Sinkhorn&, const bf16*, bf16*);

}  // namespace fovea::kernels
