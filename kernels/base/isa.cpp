#include <fovea/kernels/isa.h>

#include <algorithm>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>

namespace fovea::kernels {

static Isa best() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl"))
    return Isa::avx512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return Isa::avx2;
#endif
  return Isa::plain;
}

Isa isa() {
  static const Isa chosen = [] {
    Isa found = best();
    const char* wish = std::getenv("FOVEA_ISA");
    if (!wish || std::string_view(wish) == "avx512") return found;
    if (std::string_view(wish) == "plain") return Isa::plain;
    if (std::string_view(wish) == "avx2") return std::min(Isa::avx2, found);
    throw std::invalid_argument(std::string("FOVEA_ISA: want plain, avx2 or avx512, got ") + wish);
  }();
  return chosen;
}

}  // namespace fovea::kernels
