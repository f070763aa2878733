#include <fovea/kernels/bf16.h>
#include <fovea/kernels/pointwise/copy_isa.h>

namespace fovea::kernels {

// A bf16 takes part as the float that it is.
template <Isa I, class From, class To>
void cast_loop(const From* from, To* to, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) to[i] = static_cast<accumulator_t<To>>(static_cast<accumulator_t<From>>(from[i]));
}

#define FOVEA_INSTANTIATE(From, To) template void cast_loop<kIsa, From, To>(const From*, To*, int64_t);
FOVEA_CASTS(FOVEA_INSTANTIATE)

}  // namespace fovea::kernels
