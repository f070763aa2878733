#include <fovea/kernels/ema.h>

#include <fovea/kernels/optim/optim_chunks.h>
#include <fovea/kernels/optim/optim_isa.h>

namespace fovea::kernels {

template <class T>
void ema(Cpu&, const EmaArray<T>* arrays, int64_t count, double momentum) {
  const std::vector<OptimChunk> chunks = chunks_of(arrays, count);
  with_isa([&]<Isa I>() {
    for_each_chunk(chunks, [&](int64_t i) {
      const auto [array, begin, size] = chunks[size_t(i)];
      ema_chunk<I>(size, arrays[array].teacher + begin, arrays[array].student + begin, T(momentum), T(1 - momentum));
    });
  });
}

template void ema<float>(Cpu&, const EmaArray<float>*, int64_t, double);
template void ema<double>(Cpu&, const EmaArray<double>*, int64_t, double);

}  // namespace fovea::kernels
