#include <fovea/kernels/optim.h>

#include <cmath>

#include <fovea/kernels/optim/optim_chunks.h>
#include <fovea/kernels/optim/optim_isa.h>

namespace fovea::kernels {

Scheduled scheduled(const SgdStep& step) {
  return {.rate = float(step.lr),
          .teacher = float(step.teacher_momentum),
          .rest_of_teacher = float(1 - step.teacher_momentum)};
}
Scheduled scheduled(const LarsStep& step) {
  return scheduled(SgdStep{.lr = step.lr, .teacher_momentum = step.teacher_momentum});
}
Scheduled scheduled(const AdamStep& step) {
  Scheduled out = scheduled(SgdStep{.lr = step.lr, .teacher_momentum = step.teacher_momentum});
  out.rate = float(step.lr / (1 - std::pow(step.beta1, double(step.t))));
  out.root = float(1 / std::sqrt(1 - std::pow(step.beta2, double(step.t))));
  if (step.decoupled) out.keep = float(1 - step.lr * step.weight_decay);
  return out;
}

// The chunk's teacher follows its weights, which are still in the cache.
template <Isa I, class T>
static void follow(const OptimArray<T>& a, int64_t begin, int64_t size, double momentum) {
  if (a.teacher) ema_chunk<I>(size, a.teacher + begin, a.weight + begin, T(momentum), T(1 - momentum));
}

template <class T>
void sgd(Cpu&, const OptimArray<T>* arrays, int64_t count, const SgdStep& step) {
  const SgdFactors<T> k{T(step.lr), T(step.momentum), T(step.weight_decay), T(1), step.nesterov};
  const bool momentum = step.momentum != 0;
  const std::vector<OptimChunk> chunks = chunks_of(arrays, count);
  with_isa([&]<Isa I>() {
    for_each_chunk(chunks, [&](int64_t i) {
      const auto [array, begin, size] = chunks[size_t(i)];
      const OptimArray<T>& a = arrays[array];
      sgd_chunk<I>(size, a.weight + begin, a.gradient + begin, momentum ? a.first + begin : nullptr, k);
      follow<I>(a, begin, size, step.teacher_momentum);
    });
  });
}

template <class T>
void adam(Cpu&, const OptimArray<T>* arrays, int64_t count, const AdamStep& step) {
  const double correction1 = 1 - std::pow(step.beta1, double(step.t)),
               correction2 = 1 - std::pow(step.beta2, double(step.t));
  const AdamFactors<T> k{.beta1 = T(step.beta1),
                         .beta2 = T(step.beta2),
                         .rest1 = T(1 - step.beta1),
                         .rest2 = T(1 - step.beta2),
                         .rate = T(step.lr / correction1),
                         .root = T(1 / std::sqrt(correction2)),
                         .eps = T(step.eps),
                         .keep = T(step.decoupled ? 1 - step.lr * step.weight_decay : 1),
                         .decay = T(step.decoupled ? 0 : step.weight_decay)};
  const std::vector<OptimChunk> chunks = chunks_of(arrays, count);
  with_isa([&]<Isa I>() {
    for_each_chunk(chunks, [&](int64_t i) {
      const auto [array, begin, size] = chunks[size_t(i)];
      const OptimArray<T>& a = arrays[array];
      adam_chunk<I>(size, a.weight + begin, a.gradient + begin, a.first + begin, a.second + begin, k);
      follow<I>(a, begin, size, step.teacher_momentum);
    });
  });
}

// The trust ratio and the decay that go with one array's sums of squares.
template <class T>
static SgdFactors<T> lars_factors(const LarsStep& step, double weight2, const Squares& gradient2) {
  SgdFactors<T> k{T(step.lr), T(step.momentum), T(step.weight_decay), T(1), false};
  if (!step.adapt) return k;
  const double weight = std::sqrt(weight2), gradient = std::sqrt(gradient2.plain), u = std::sqrt(gradient2.decayed);
  if (step.form == LarsForm::paper) {
    if (weight > 0 && u > 0) k.ratio = T(step.eta * weight / u);
  } else if (step.weight_decay != 0 && weight > 0 && gradient > 0) {
    k.ratio = T(step.eta * weight / (gradient + step.weight_decay * weight + step.eps));
  } else {
    k.decay = 0;
  }
  return k;
}

template <class T>
void lars(Cpu&, const OptimArray<T>* arrays, int64_t count, const LarsStep& step) {
  const std::vector<OptimChunk> chunks = chunks_of(arrays, count);
  std::vector<Squares> weights(chunks.size()), gradients(chunks.size());
  std::vector<SgdFactors<T>> factors;
  with_isa([&]<Isa I>() {
    for_each_chunk(chunks, [&](int64_t i) {
      const auto [array, begin, size] = chunks[size_t(i)];
      const OptimArray<T>& a = arrays[array];
      weights[size_t(i)] = squares_chunk<I, T>(size, a.weight + begin, nullptr, 0);
      gradients[size_t(i)] = squares_chunk<I, T>(size, a.gradient + begin, a.weight + begin, T(step.weight_decay));
    });
    size_t next = 0;
    for (int64_t array = 0; array < count; ++array) {
      double weight2 = 0;
      Squares gradient2{};
      for (; next < chunks.size() && chunks[next].array == array; ++next) {
        weight2 += weights[next].plain;
        gradient2.plain += gradients[next].plain;
        gradient2.decayed += gradients[next].decayed;
      }
      factors.push_back(lars_factors<T>(step, weight2, gradient2));
    }
    const bool momentum = step.momentum != 0;
    for_each_chunk(chunks, [&](int64_t i) {
      const auto [array, begin, size] = chunks[size_t(i)];
      const OptimArray<T>& a = arrays[array];
      sgd_chunk<I>(size, a.weight + begin, a.gradient + begin, momentum ? a.first + begin : nullptr,
                   factors[size_t(array)]);
      follow<I>(a, begin, size, step.teacher_momentum);
    });
  });
}

template <class T>
void squared_norm(Cpu&, const OptimArray<T>* arrays, int64_t count, double* result) {
  const std::vector<OptimChunk> chunks = chunks_of(arrays, count);
  std::vector<double> sums(chunks.size());
  with_isa([&]<Isa I>() {
    for_each_chunk(chunks, [&](int64_t i) {
      const auto [array, begin, size] = chunks[size_t(i)];
      sums[size_t(i)] = squares_chunk<I, T>(size, arrays[array].gradient + begin, nullptr, 0).plain;
    });
  });
  *result = 0;
  for (double sum : sums) *result += sum;
}

template <class T>
void scale_arrays(Cpu&, const ScaleArray<T>* arrays, int64_t count, double factor) {
  const std::vector<OptimChunk> chunks = chunks_of(arrays, count);
  with_isa([&]<Isa I>() {
    for_each_chunk(chunks, [&](int64_t i) {
      const auto [array, begin, size] = chunks[size_t(i)];
      scale_chunk<I>(size, arrays[array].values + begin, T(factor));
    });
  });
}

template <class T>
void clip_arrays(Cpu& ctx, const ScaleArray<T>* arrays, int64_t count, const double* squared_norm, double max_norm,
                 float* result) {
  const double norm = std::sqrt(*squared_norm), factor = max_norm / (norm + 1e-6);
  *result = float(norm);
  if (factor < 1 && std::isfinite(norm)) scale_arrays(ctx, arrays, count, factor);
}

#define FOVEA_INSTANTIATE(T)                                                   \
  template void sgd<T>(Cpu&, const OptimArray<T>*, int64_t, const SgdStep&);   \
  template void adam<T>(Cpu&, const OptimArray<T>*, int64_t, const AdamStep&); \
  template void lars<T>(Cpu&, const OptimArray<T>*, int64_t, const LarsStep&); \
  template void squared_norm<T>(Cpu&, const OptimArray<T>*, int64_t, double*); \
  template void scale_arrays<T>(Cpu&, const ScaleArray<T>*, int64_t, double);  \
  template void clip_arrays<T>(Cpu&, const ScaleArray<T>*, int64_t, const double*, double, float*);
FOVEA_INSTANTIATE(float)
FOVEA_INSTANTIATE(double)

}  // namespace fovea::kernels
