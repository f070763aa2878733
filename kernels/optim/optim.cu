// Optimiser steps, gradient norms and clipping: one launch for all arrays of a list, each of its blocks a chunk of one
// array. Every number is read and written once, in packs of 16 bytes where the pointers allow it:
//
//   sgd   w, g, first -> w, first                   20 bytes an element (12 without momentum)
//   adam  w, g, first, second -> w, first, second   28
//   lars  the same as sgd, and w, g before it       28
//   a teacher adds 8: its student's weights are at hand
//
// LARS is three launches: the chunks' sums of squares; the arrays' trust ratios from them; sgd with these. All sums are
// in double, chunk by chunk in a fixed order.
#include <fovea/kernels/device_scratch.h>
#include <fovea/kernels/optim.h>
#include <fovea/kernels/optim/optim.cuh>

namespace fovea::kernels {

namespace {

using Array = OptimArray<float>;

template <class List>
using Of = std::decay_t<List>;

__device__ Scheduled current(const Scheduled& given, const Scheduled* in_memory) {
  return in_memory ? *in_memory : given;
}

__device__ void follow(const Scheduled& s, float weight, float& teacher) {
  teacher = s.teacher * teacher + s.rest_of_teacher * weight;
}

// u = ratio (g + decay w); with momentum: first = momentum first + u, and the step is of_gradient u + of_first first.
struct SgdNumbers {
  float momentum, decay, of_gradient, of_first;
};

// LARS's ratio and decay of each array, or null: 1 and that of the numbers.
template <class List>
__global__ void __launch_bounds__(kListThreads)
    sgd_kernel(const __grid_constant__ List list, SgdNumbers k, Scheduled given, const Scheduled* in_memory,
               const float2* ratios) {
  const int array = list.array_of(blockIdx.x);
  const Array& a = list.arrays[array];
  const ListChunk chunk = chunk_of(list, array);
  const Scheduled s = current(given, in_memory);
  const float2 own = ratios ? ratios[array] : make_float2(1, k.decay);
  auto step = [=](float& w, float g) { return w -= s.rate * (own.x * (g + own.y * w)); };
  auto step_with = [=](float& w, float g, float& first) {
    const float u = own.x * (g + own.y * w);
    first = k.momentum * first + u;
    return w -= s.rate * (k.of_gradient * u + k.of_first * first);
  };
  if (k.momentum == 0 && !a.teacher)
    chunk.for_elements<1>({a.weight, a.gradient}, [=](float(&v)[2]) { step(v[0], v[1]); });
  else if (k.momentum == 0)
    chunk.for_elements<2>({a.weight, a.teacher, a.gradient}, [=](float(&v)[3]) { follow(s, step(v[0], v[2]), v[1]); });
  else if (!a.teacher)
    chunk.for_elements<2>({a.weight, a.first, a.gradient}, [=](float(&v)[3]) { step_with(v[0], v[2], v[1]); });
  else
    chunk.for_elements<3>({a.weight, a.first, a.teacher, a.gradient},
                          [=](float(&v)[4]) { follow(s, step_with(v[0], v[3], v[1]), v[2]); });
}

struct AdamNumbers {
  float beta1, beta2, rest1, rest2, eps, decay;
};
template <class List>
__global__ void __launch_bounds__(kListThreads)
    adam_kernel(const __grid_constant__ List list, AdamNumbers k, Scheduled given, const Scheduled* in_memory) {
  const int array = list.array_of(blockIdx.x);
  const Array& a = list.arrays[array];
  const ListChunk chunk = chunk_of(list, array);
  const Scheduled s = current(given, in_memory);
  auto step = [=](float& w, float g, float& first, float& second) {
    g += k.decay * w;
    first = k.beta1 * first + k.rest1 * g;
    second = k.beta2 * second + k.rest2 * g * g;
    return w = w * s.keep - s.rate * first / (sqrtf(second) * s.root + k.eps);
  };
  if (a.teacher)
    chunk.for_elements<4>({a.weight, a.first, a.second, a.teacher, a.gradient},
                          [=](float(&v)[5]) { follow(s, step(v[0], v[4], v[1], v[2]), v[3]); });
  else
    chunk.for_elements<3>({a.weight, a.first, a.second, a.gradient},
                          [=](float(&v)[4]) { step(v[0], v[3], v[1], v[2]); });
}

// A chunk's sums of squares: of w, g and g + decay w.
struct Squares {
  double weight, gradient, decayed;
};
template <class List>
__global__ void __launch_bounds__(kListThreads)
    lars_squares_kernel(const __grid_constant__ List list, float decay, Squares* out) {
  __shared__ double shared[3][kListThreads / kWarp];
  const int array = list.array_of(blockIdx.x);
  const Array& a = list.arrays[array];
  Squares sum{};
  chunk_of(list, array).template for_elements<0>({a.weight, a.gradient}, [&](const float(&v)[2]) {
    const float u = v[1] + decay * v[0];
    sum.weight += double(v[0]) * double(v[0]);
    sum.gradient += double(v[1]) * double(v[1]);
    sum.decayed += double(u) * double(u);
  });
  sum.weight = block_reduce<kListThreads>(sum.weight, shared[0]);
  sum.gradient = block_reduce<kListThreads>(sum.gradient, shared[1]);
  sum.decayed = block_reduce<kListThreads>(sum.decayed, shared[2]);
  if (threadIdx.x == 0) out[blockIdx.x] = sum;
}

// A warp for each array: its trust ratio and decay from its chunks' sums.
template <class List>
__global__ void lars_ratios_kernel(const __grid_constant__ List list, double weight_decay, double eta, double eps,
                                   LarsForm form, const Squares* squares, float2* ratios) {
  Squares sum{};
  for (unsigned i = list.first[blockIdx.x] + threadIdx.x; i < list.first[blockIdx.x + 1]; i += kWarp) {
    sum.weight += squares[i].weight;
    sum.gradient += squares[i].gradient;
    sum.decayed += squares[i].decayed;
  }
  const double weight = sqrt(warp_reduce(sum.weight)), gradient = sqrt(warp_reduce(sum.gradient));
  const double decayed = sqrt(warp_reduce(sum.decayed));
  double ratio = 1, decay = weight_decay;
  if (form == LarsForm::paper) {
    if (weight > 0 && decayed > 0) ratio = eta * weight / decayed;
  } else if (weight_decay != 0 && weight > 0 && gradient > 0) {
    ratio = eta * weight / (gradient + weight_decay * weight + eps);
  } else {
    decay = 0;
  }
  if (threadIdx.x == 0) ratios[blockIdx.x] = make_float2(float(ratio), float(decay));
}

template <class List>
__global__ void __launch_bounds__(kListThreads) squared_norm_kernel(const __grid_constant__ List list, double* sums) {
  __shared__ double shared[kListThreads / kWarp];
  const int array = list.array_of(blockIdx.x);
  double sum = 0;
  chunk_of(list, array).template for_elements<0>({list.arrays[array].gradient}, [&](const float(&g)[1]) {
    sum += double(g[0]) * double(g[0]);
  });
  sum = block_reduce<kListThreads>(sum, shared);
  if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

// One block.
__global__ void add_up_kernel(const double* sums, unsigned count, double* result) {
  __shared__ double shared[kWarp];
  double sum = 0;
#pragma unroll 4
  for (unsigned i = threadIdx.x; i < count; i += kWarp * kWarp) sum += sums[i];
  sum = block_reduce<kWarp * kWarp>(sum, shared);
  if (threadIdx.x == 0) *result = sum;
}

template <class List>
__global__ void __launch_bounds__(kListThreads) scale_kernel(const __grid_constant__ List list, float factor) {
  const int array = list.array_of(blockIdx.x);
  chunk_of(list, array).template for_elements<1>({list.arrays[array].values}, [=](float(&v)[1]) { v[0] *= factor; });
}

template <class List>
__global__ void __launch_bounds__(kListThreads)
    clip_kernel(const __grid_constant__ List list, const double* squared_norm, double max_norm) {
  const double norm = sqrt(*squared_norm), factor = max_norm / (norm + 1e-6);
  if (!(factor < 1) || !isfinite(norm)) return;
  const int array = list.array_of(blockIdx.x);
  chunk_of(list, array).template for_elements<1>({list.arrays[array].values}, [=](float(&v)[1]) {
    v[0] *= float(factor);
  });
}

__global__ void norm_kernel(const double* squared_norm, float* result) {
  *result = float(sqrt(*squared_norm));
}

}  // namespace

template <>
void sgd<float>(Cuda& ctx, const Array* arrays, int64_t count, const SgdStep& step) {
  const SgdNumbers numbers{float(step.momentum), float(step.weight_decay), step.nesterov ? 1.0f : 0.0f,
                           step.nesterov ? float(step.momentum) : 1.0f};
  for_lists(arrays, count, [&](const auto& list, unsigned blocks) {
    launch(ctx, sgd_kernel<Of<decltype(list)>>, blocks, kListThreads, 0, list, numbers, scheduled(step), step.scheduled,
           static_cast<const float2*>(nullptr));
  });
}

template <>
void adam<float>(Cuda& ctx, const Array* arrays, int64_t count, const AdamStep& step) {
  const AdamNumbers numbers{float(step.beta1),     float(step.beta2), float(1 - step.beta1),
                            float(1 - step.beta2), float(step.eps),   step.decoupled ? 0 : float(step.weight_decay)};
  for_lists(arrays, count, [&](const auto& list, unsigned blocks) {
    launch(ctx, adam_kernel<Of<decltype(list)>>, blocks, kListThreads, 0, list, numbers, scheduled(step),
           step.scheduled);
  });
}

template <>
void lars<float>(Cuda& ctx, const Array* arrays, int64_t count, const LarsStep& step) {
  const SgdNumbers numbers{float(step.momentum), float(step.weight_decay), 0, 1};
  for_lists(arrays, count, [&](const auto& list, unsigned blocks) {
    using List = Of<decltype(list)>;
    DeviceScratch scratch(ctx);
    float2* ratios = nullptr;
    if (step.adapt) {
      ratios = scratch.take<float2>(size_t(list.count));
      Squares* squares = scratch.take<Squares>(blocks);
      launch(ctx, lars_squares_kernel<List>, blocks, kListThreads, 0, list, float(step.weight_decay), squares);
      launch(ctx, lars_ratios_kernel<List>, unsigned(list.count), kWarp, 0, list, step.weight_decay, step.eta, step.eps,
             step.form, squares, ratios);
    }
    launch(ctx, sgd_kernel<List>, blocks, kListThreads, 0, list, numbers, scheduled(step), step.scheduled, ratios);
  });
}

template <>
void squared_norm<float>(Cuda& ctx, const Array* arrays, int64_t count, double* result) {
  unsigned total = 0, done = 0;
  for (int64_t i = 0; i < count; ++i) total += chunks_in(arrays[i].size);
  DeviceScratch scratch(ctx);
  double* sums = scratch.take<double>(total);
  for_lists(arrays, count, [&](const auto& list, unsigned blocks) {
    launch(ctx, squared_norm_kernel<Of<decltype(list)>>, blocks, kListThreads, 0, list, sums + done);
    done += blocks;
  });
  launch(ctx, add_up_kernel, 1, kWarp * kWarp, 0, sums, total, result);
}

template <>
void scale_arrays<float>(Cuda& ctx, const ScaleArray<float>* arrays, int64_t count, double factor) {
  for_lists(arrays, count, [&](const auto& list, unsigned blocks) {
    launch(ctx, scale_kernel<Of<decltype(list)>>, blocks, kListThreads, 0, list, float(factor));
  });
}

template <>
void clip_arrays<float>(Cuda& ctx, const ScaleArray<float>* arrays, int64_t count, const double* squared_norm,
                        double max_norm, float* result) {
  for_lists(arrays, count, [&](const auto& list, unsigned blocks) {
    launch(ctx, clip_kernel<Of<decltype(list)>>, blocks, kListThreads, 0, list, squared_norm, max_norm);
  });
  launch(ctx, norm_kernel, 1, 1, 0, squared_norm, result);
}

}  // namespace fovea::kernels
