#pragma once

#include <cstdint>
#include <cstring>

#include <fovea/kernels/host_device.h>

namespace fovea {

// A 2-byte bfloat16: the upper half of a float. Storage only; arithmetic happens in float.
struct bf16 {
  uint16_t bits = 0;

  bf16() = default;
  // Rounds to nearest, ties to even; NaN stays NaN.
  FOVEA_HD bf16(float value) : bits(round(value)) {}
  // y[i] = value: loops with this assignment vectorise, those that copy a bf16 made for it do not (GCC 12).
  FOVEA_HD bf16& operator=(float value) {
    bits = round(value);
    return *this;
  }
  FOVEA_HD operator float() const {
    uint32_t u = uint32_t(bits) << 16;
    float value;
    memcpy(&value, &u, 4);
    return value;
  }

 private:
  FOVEA_HD static uint16_t round(float value) {
    uint32_t u;
    memcpy(&u, &value, 4);
    uint32_t rounded = (u + 0x7fffu + ((u >> 16) & 1u)) >> 16;
    return uint16_t((u & 0x7fffffffu) > 0x7f800000u ? (u >> 16) | 0x40u : rounded);
  }
};

}  // namespace fovea

namespace fovea::kernels {

// The type that sums and intermediate values of a T are kept in: float for bf16, else T itself.
template <class T>
struct Accumulator {
  using type = T;
};
template <>
struct Accumulator<bf16> {
  using type = float;
};
template <class T>
using accumulator_t = typename Accumulator<T>::type;

}  // namespace fovea::kernels
