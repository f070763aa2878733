#pragma once

// Private to kernels/*.cu.
#include <bit>
#include <cstdint>

#include <fovea/kernels/host_device.h>

namespace fovea::kernels {

// Quotient and remainder of numbers that are not negative.
struct Division {
  int64_t quotient, remainder;
};

// A divisor of at least 1 (or 0, by which nothing is divided), with which numbers below 2^31 are divided by a
// multiplication and a shift: n / d = floor(n m / 2^p) with m = ceil(2^p / d), p = 31 + ceil(log2 d). The error, below
// n / 2^p, is less than the 1 / d that n / d may lack to the next whole number.
class Divisor {
 public:
  Divisor() = default;
  Divisor(int64_t divisor) : divisor_(divisor) {
    if (divisor < 2 || divisor >> 31) return;  // for the larger ones m = 0: numbers below 2^31 give 0
    const int power = 31 + int(std::bit_width(uint64_t(divisor - 1)));
    magic_ = uint32_t(((uint64_t(1) << power) + uint64_t(divisor) - 1) / uint64_t(divisor));
    shift_ = uint32_t(power - 32);
  }
  FOVEA_HD Division divide(int64_t n) const {
    int64_t result = n;
    if (divisor_ != 1) result = n >> 31 ? n / divisor_ : scaled(uint32_t(n));
    return {result, n - result * divisor_};
  }
  FOVEA_HD int quotient(int n) const { return divisor_ == 1 ? n : int(scaled(uint32_t(n))); }

 private:
  FOVEA_HD uint32_t scaled(uint32_t n) const { return uint32_t(uint64_t(n) * magic_ >> 32) >> shift_; }

  int64_t divisor_ = 1;
  uint32_t magic_ = 0, shift_ = 0;
};

}  // namespace fovea::kernels
