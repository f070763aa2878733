#pragma once

// Private to copy.cpp and copy_isa.cpp.
#include <cstdint>

#include <fovea/kernels/isa.h>

namespace fovea::kernels {

// to[i] = To(from[i]) for i in [0, n).
template <Isa I, class From, class To>
void cast_loop(const From* from, To* to, int64_t n);

#define FOVEA_CAST_FROM(M, From) M(From, float) M(From, double) M(From, bf16) M(From, int64_t) M(From, uint8_t)
#define FOVEA_CASTS(M)        \
  FOVEA_CAST_FROM(M, float)   \
  FOVEA_CAST_FROM(M, double)  \
  FOVEA_CAST_FROM(M, bf16)    \
  FOVEA_CAST_FROM(M, int64_t) \
  FOVEA_CAST_FROM(M, uint8_t)

}  // namespace fovea::kernels
