#include <fovea/kernels/isa.h>

#include <cstdlib>
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
    Isa limit = !wish                               ? found
                : std::string_view(wish) == "plain" ? Isa::plain
                : std::string_view(wish) == "avx2"  ? Isa::avx2
                                                    : found;
    return limit < found ? limit : found;
  }();
  return chosen;
}

}  // namespace fovea::kernels
