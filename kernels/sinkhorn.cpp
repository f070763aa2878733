#include <fovea/kernels/sinkhorn.h>

#include <algorithm>
#include <cmath>
#include <limits>

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
  Acc most = -std::numeric_limits<Acc>::infinity();
  for (int64_t b = 0; b < samples; ++b) {
    const T* row = scores + b * prototypes;
    top[b] = Acc(row[0]);
    for (int64_t k = 1; k < prototypes; ++k) top[b] = std::max(top[b], Acc(row[k]));
    most = std::max(most, top[b]);
  }
  for (int64_t b = 0; b < samples; ++b) v[b] = math::exp((top[b] - most) * sharpness);
  auto kernel = [&](int64_t b, int64_t k) { return math::exp((Acc(scores[b * prototypes + k]) - top[b]) * sharpness); };
  const bool parallel = samples * prototypes > kParallelGrain;
  for (int i = 0; i < shape.iterations; ++i) {
    // Columns in blocks, so that every thread reads along rows and no sum is shared.
    constexpr int64_t kCols = 256;
#pragma omp parallel for schedule(static) if (parallel)
    for (int64_t first = 0; first < prototypes; first += kCols) {
      const int64_t last = std::min(prototypes, first + kCols);
      std::fill(u + first, u + last, Acc(0));
      for (int64_t b = 0; b < samples; ++b)
        for (int64_t k = first; k < last; ++k) u[k] += kernel(b, k) * v[b];
      for (int64_t k = first; k < last; ++k) u[k] = u[k] > 0 ? 1 / (Acc(prototypes) * u[k]) : 0;
    }
#pragma omp parallel for schedule(static) if (parallel)
    for (int64_t b = 0; b < samples; ++b) {
      Acc sum = 0;
      for (int64_t k = 0; k < prototypes; ++k) sum += kernel(b, k) * u[k];
      v[b] = sum > 0 ? 1 / (Acc(samples) * sum) : 0;
    }
  }
#pragma omp parallel for schedule(static) if (parallel)
  for (int64_t b = 0; b < samples; ++b)
    for (int64_t k = 0; k < prototypes; ++k) codes[b * prototypes + k] = T(Acc(samples) * u[k] * v[b] * kernel(b, k));
}
template void sinkhorn<float>(Cpu&, const Sinkhorn&, const float*, float*);
template void sinkhorn<double>(Cpu&, const Sinkhorn&, const double*, double*);
template void sinkhorn<bf16>(Cpu&, const Sinkhorn&, const bf16*, bf16*);

}  // namespace fovea::kernels
