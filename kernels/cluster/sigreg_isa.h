#pragma once

// Private to kernels/: SIGReg's knots, and what the CPU does to a few columns.
#include <cstdint>

#include <fovea/kernels/host_device.h>
#include <fovea/kernels/isa.h>

namespace fovea::kernels {

// The knots 1 to 16: phi = exp(-t^2 / 2), and the trapezoid's weight.
struct SigRegKnots {
  static constexpr int kCount = 16;
  static constexpr double kStep = 3.0 / 16;
  double phi[kCount], weight[kCount];
};
SigRegKnots sigreg_knots();

// The statistics of `cols` (<= kSigRegColumns) columns of p [rows, cols], rows `ld` apart; their gradient in p's place.
inline constexpr int kSigRegColumns = 64;
template <Isa I, class T>
void sigreg_columns(const SigRegKnots& knots, T* p, int64_t ld, int64_t rows, int64_t cols, T* statistic,
                    bool gradient);

}  // namespace fovea::kernels
