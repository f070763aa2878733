// A teacher's parameters follow a student's: one launch for all arrays, each of its blocks a chunk of one of them.
// Reads both and writes the teacher once, 12 bytes an element, in packs of 16 bytes where the pointers allow it.
#include <fovea/kernels/ema.h>
#include <fovea/kernels/optim/optim.cuh>

namespace fovea::kernels {

template <class List>
__global__ void __launch_bounds__(kListThreads)
    ema_kernel(const __grid_constant__ List list, float momentum, float rest, const float* in_memory) {
  const int array = list.array_of(blockIdx.x);
  const EmaArray<float>& a = list.arrays[array];
  if (in_memory) momentum = *in_memory, rest = 1 - momentum;
  chunk_of(list, array).template for_elements<1>({a.teacher, a.student}, [=](float(&v)[2]) {
    v[0] = momentum * v[0] + rest * v[1];
  });
}

static void ema(Cuda& ctx, const EmaArray<float>* arrays, int64_t count, float momentum, float rest,
                const float* in_memory) {
  for_lists(arrays, count, [&](const auto& list, unsigned blocks) {
    launch(ctx, ema_kernel<std::decay_t<decltype(list)>>, blocks, kListThreads, 0, list, momentum, rest, in_memory);
  });
}

template <>
void ema<float>(Cuda& ctx, const EmaArray<float>* arrays, int64_t count, double momentum) {
  ema(ctx, arrays, count, float(momentum), float(1 - momentum), nullptr);
}
template <>
void ema<float>(Cuda& ctx, const EmaArray<float>* arrays, int64_t count, const float* momentum) {
  ema(ctx, arrays, count, 0, 0, momentum);
}

}  // namespace fovea::kernels
