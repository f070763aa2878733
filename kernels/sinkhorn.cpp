#include <fovea/kernels/sinkhorn.h>

#include <algorithm>
#include <cmath>
#include <type_traits>
#include <utility>

#include <fovea/kernels/scratch.h>
#include <fovea/kernels/vector_math.h>

namespace fovea::kernels {

namespace {

// Samples whose sums over columns are one part: a thread's work, and the same for any number of threads.
constexpr int64_t kBlock = 64;

// What a row's factor v adds to the sums of the columns.
template <class Acc>
void add_row(const Acc* mass, Acc v, int64_t prototypes, Acc* sums) {
  for (int64_t k = 0; k < prototypes; ++k) sums[k] += mass[k] * v;
}

template <class Acc>
Acc row_sum(const Acc* mass, const Acc* u, int64_t prototypes) {
  Acc sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t k = 0; k < prototypes; ++k) sum += mass[k] * u[k];
  return sum;
}

}  // namespace

template <class T>
void sinkhorn(Cpu&, const Sinkhorn& shape, const T* scores, T* codes) {
  using Acc = accumulator_t<T>;
  const int64_t samples = shape.samples, prototypes = shape.prototypes, blocks = (samples + kBlock - 1) / kBlock;
  if (samples == 0 || prototypes == 0) return;
  const Acc sharpness = Acc(1 / shape.epsilon);
  Scratch scratch;
  Acc *u = scratch.take<Acc>(size_t(prototypes)), *parts = scratch.take<Acc>(size_t(blocks * prototypes)),
      *top = scratch.take<Acc>(size_t(blocks));
  // The exponentials, made once: where the codes will be, if they fit.
  Acc* mass = nullptr;
  if constexpr (std::is_same_v<T, Acc>)
    if (shape.coded == samples) mass = codes;
  if (!mass) mass = scratch.take<Acc>(size_t(samples * prototypes));
  const bool parallel = samples * prototypes > kParallelGrain;
  auto rows_of = [&](int64_t block) { return std::pair(block * kBlock, std::min(samples, (block + 1) * kBlock)); };

  // v of a row makes up for its largest score being taken off; here relative to the largest of its block.
#pragma omp parallel for schedule(static) if (parallel)
  for (int64_t block = 0; block < blocks; ++block) {
    const auto [first, last] = rows_of(block);
    Acc tops[kBlock] = {};
    for (int64_t b = first; b < last; ++b) {
      const T* row = scores + b * prototypes;
      Acc *out = mass + b * prototypes, largest = Acc(row[0]);
#pragma omp simd reduction(max : largest)
      for (int64_t k = 0; k < prototypes; ++k) largest = Acc(row[k]) > largest ? Acc(row[k]) : largest;
      for (int64_t k = 0; k < prototypes; ++k) out[k] = math::exp((Acc(row[k]) - largest) * sharpness);
      tops[b - first] = largest;
    }
    top[block] = *std::max_element(tops, tops + (last - first));
    Acc* sums = parts + block * prototypes;
    std::fill(sums, sums + prototypes, Acc(0));
    for (int64_t b = first; b < last; ++b)
      add_row(mass + b * prototypes, math::exp((tops[b - first] - top[block]) * sharpness), prototypes, sums);
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
      const auto [first, last] = rows_of(block);
      Acc* sums = parts + block * prototypes;
      std::fill(sums, sums + prototypes, Acc(0));
      for (int64_t b = first; b < last; ++b) {
        const Acc sum = row_sum(mass + b * prototypes, u, prototypes);
        add_row(mass + b * prototypes, sum > 0 ? 1 / (Acc(samples) * sum) : Acc(0), prototypes, sums);
      }
    }
  }
#pragma omp parallel for schedule(static) if (parallel)
  for (int64_t b = 0; b < shape.coded; ++b) {
    const Acc* row = mass + b * prototypes;
    const Acc sum = row_sum(row, u, prototypes), scale = sum > 0 ? 1 / sum : 0;
    for (int64_t k = 0; k < prototypes; ++k) codes[b * prototypes + k] = T(row[k] * u[k] * scale);
  }
}
template void sinkhorn<float>(Cpu&, const Sinkhorn&, const float*, float*);
template void sinkhorn<double>(Cpu&, const Sinkhorn&, const double*, double*);
template void sinkhorn<bf16>(Cpu&, const Sinkhorn&, const bf16*, bf16*);

}  // namespace fovea::kernels
