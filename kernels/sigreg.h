#pragma once

#include <cstdint>

#include <fovea/kernels/context.h>

// SIGReg's test of normality (Balestriero & LeCun, 2025; Epps & Pulley, 1983) on p [views, rows, slices]: every column
// of every view is a sample of `rows` numbers, held against the standard normal distribution through its characteristic
// function at the knots t_k = 3 k / 16, k = 0..16, with the trapezoid rule on [-3, 3]:
//
//   c_k = mean cos(t_k p), s_k = mean sin(t_k p), phi_k = exp(-t_k^2 / 2), w_k = 3/8 phi_k, half of that at both ends
//   statistic = rows sum_k w_k ((c_k - phi_k)^2 + s_k^2)
//   d statistic / d p_n = 2 sum_k w_k t_k (s_k cos(t_k p_n) - (c_k - phi_k) sin(t_k p_n))
//
// The knot at 0 gives 0. One sine and cosine an element; the other knots come by turning (cos, sin) on by 3/16 p, so
// that nothing of size views x rows x slices x knots is ever in memory.
namespace fovea::kernels {

struct SigReg {
  int64_t views, rows, slices;
};

// statistic [views, slices]. With `gradient`, p becomes the statistics' gradient, else it stays. T float, or double on
// the CPU. The sums' order does not depend on the number of threads.
//                                                    reads p (with gradient twice, from caches), and writes it then
template <class T>
void sigreg(Cpu&, const SigReg& shape, T* p, T* statistic, bool gradient);
template <class T>
void sigreg(Cuda&, const SigReg& shape, T* p, T* statistic, bool gradient);

}  // namespace fovea::kernels
