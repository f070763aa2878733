#include <fovea/kernels/sinkhorn.h>

#include <algorithm>
#include <type_traits>
#include <utility>

#include <fovea/kernels/cluster/sinkhorn_isa.h>
#include <fovea/kernels/scratch.h>
#include <fovea/kernels/vector_math.h>

namespace fovea::kernels {

// Samples whose sums over columns are one part: a thread's work, and the same for any number of threads.
static constexpr int64_t kBlock = 64;

template <class T>
void sinkhorn(Cpu&, const Sinkhorn& shape, const T* scores, const T* queued, T* codes) {
  using Acc = accumulator_t<T>;
  const int64_t batch = shape.batch, samples = shape.samples(), prototypes = shape.prototypes;
  const int64_t blocks = (samples + kBlock - 1) / kBlock;
  if (batch == 0 || prototypes == 0) return;
  const Acc sharpness = Acc(1 / shape.epsilon);
  constexpr bool in_place = std::is_same_v<T, Acc>;  // the batch's masses lie where its codes will be
  Scratch scratch;
  Acc *u = scratch.take<Acc>(size_t(prototypes)), *parts = scratch.take<Acc>(size_t(blocks * prototypes)),
      *top = scratch.take<Acc>(size_t(blocks)),
      *masses = scratch.take<Acc>(size_t((in_place ? shape.waiting : samples) * prototypes));
  auto mass_of = [=](int64_t b) {
    if constexpr (in_place)
      return b < batch ? codes + b * prototypes : masses + (b - batch) * prototypes;
    else
      return masses + b * prototypes;
  };
  const bool parallel = samples * prototypes > kParallelGrain;
  auto rows_of = [=](int64_t block) { return std::pair(block * kBlock, std::min(samples, (block + 1) * kBlock)); };

  // v of a row makes up for its largest score being taken off; here relative to the largest of its block.
#pragma omp parallel for schedule(static) if (parallel)
  for (int64_t block = 0; block < blocks; ++block) {
    const auto rows = rows_of(block);
    const int64_t first = rows.first, last = rows.second;
    Acc tops[kBlock] = {};
    Acc* sums = parts + block * prototypes;
    std::fill(sums, sums + prototypes, Acc(0));
    with_isa([&]<Isa I>() {
      for (int64_t b = first; b < last; ++b) {
        const T* row = b < batch ? scores + b * prototypes : queued + (b - batch) * prototypes;
        tops[b - first] = sinkhorn_masses<I>(row, prototypes, sharpness, mass_of(b));
      }
      top[block] = *std::max_element(tops, tops + (last - first));
      for (int64_t b = first; b < last; ++b)
        sinkhorn_columns<I>(mass_of(b), math::exp((tops[b - first] - top[block]) * sharpness), prototypes, sums);
    });
  }
  const Acc most = *std::max_element(top, top + blocks);
  for (int64_t block = 0; block < blocks; ++block) top[block] = math::exp((top[block] - most) * sharpness);

  for (int i = 0; i < shape.iterations; ++i) {
    constexpr int64_t kCols = 256;
#pragma omp parallel for schedule(static) if (parallel)
    for (int64_t begin = 0; begin < prototypes; begin += kCols) {
      const int64_t end = std::min(prototypes, begin + kCols);
      std::fill(u + begin, u + end, Acc(0));
      for (int64_t block = 0; block < blocks; ++block) {
        const Acc weight = i == 0 ? top[block] : Acc(1);
        for (int64_t k = begin; k < end; ++k) u[k] += weight * parts[block * prototypes + k];
      }
      for (int64_t k = begin; k < end; ++k) u[k] = u[k] > 0 ? 1 / (Acc(prototypes) * u[k]) : 0;
    }
    if (i + 1 == shape.iterations) break;
#pragma omp parallel for schedule(static) if (parallel)
    for (int64_t block = 0; block < blocks; ++block) {
      const auto rows = rows_of(block);
      const int64_t first = rows.first, last = rows.second;
      Acc* sums = parts + block * prototypes;
      std::fill(sums, sums + prototypes, Acc(0));
      with_isa([&]<Isa I>() {
        for (int64_t b = first; b < last; ++b) {
          const Acc sum = sinkhorn_row<I>(mass_of(b), u, prototypes);
          sinkhorn_columns<I>(mass_of(b), sum > 0 ? 1 / (Acc(samples) * sum) : Acc(0), prototypes, sums);
        }
      });
    }
  }
#pragma omp parallel for schedule(static) if (parallel)
  for (int64_t b = 0; b < batch; ++b)
    with_isa([&]<Isa I>() {
      const Acc sum = sinkhorn_row<I>(mass_of(b), u, prototypes);
      sinkhorn_code<I>(mass_of(b), u, sum > 0 ? 1 / sum : Acc(0), prototypes, codes + b * prototypes);
    });
}
template void sinkhorn<float>(Cpu&, const Sinkhorn&, const float*, const float*, float*);
template void sinkhorn<double>(Cpu&, const Sinkhorn&, const double*, const double*, double*);
template void sinkhorn<bf16>(Cpu&, const Sinkhorn&, const bf16*, const bf16*, bf16*);

}  // namespace fovea::kernels
