#pragma once

#include <fovea/kernels/host_device.h>

// Run-time choice of the CPU's instruction set.
//
// A source named *_isa.cpp is compiled three times, with FOVEA_ISA set to plain, avx2 and avx512 and the matching
// compiler flags. It defines templates on Isa and instantiates them for kIsa alone; the caller picks with with_isa():
//
//   template <Isa I> void axpy_loop(float a, const float* x, float* y, int64_t n);          // axpy.h, private
//   template <Isa I> void axpy_loop(...) { ... }  template void axpy_loop<kIsa>(...);       // axpy_isa.cpp
//   with_isa([&]<Isa I>() { axpy_loop<I>(a, x, y, n); });                                   // axpy.cpp
//
// Everything else in such a source must have internal linkage or carry Isa as a template argument, and it must not call
// inline functions of other headers (std::vector, std::function, ...): the linker keeps one copy of an inline function
// and might keep the one that needs AVX-512.
namespace fovea::kernels {

enum class Isa { plain, avx2, avx512 };

// The best instruction set that this CPU has; the environment variable FOVEA_ISA (plain, avx2, avx512) lowers it.
// Throws std::invalid_argument if that is something else.
Isa isa();

#ifdef FOVEA_ISA
inline constexpr Isa kIsa = Isa::FOVEA_ISA;
#endif

template <class F>
decltype(auto) with_isa(F&& f) {
#if defined(__x86_64__)
  if (isa() == Isa::avx512) return f.template operator()<Isa::avx512>();
  if (isa() == Isa::avx2) return f.template operator()<Isa::avx2>();
#endif
  return f.template operator()<Isa::plain>();
}

}  // namespace fovea::kernels
