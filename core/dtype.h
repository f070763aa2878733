#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <fovea/kernels/bf16.h>

namespace fovea {

// f64 exists on the CPU only: gradient checks need it.
enum class Dtype : uint8_t { f32, f64, bf16, i64, u8 };

constexpr size_t size_of(Dtype dtype) {
  switch (dtype) {
    case Dtype::f32:
      return 4;
    case Dtype::f64:
      return 8;
    case Dtype::bf16:
      return 2;
    case Dtype::i64:
      return 8;
    case Dtype::u8:
      return 1;
  }
  return 0;
}

constexpr std::string_view name_of(Dtype dtype) {
  switch (dtype) {
    case Dtype::f32:
      return "f32";
    case Dtype::f64:
      return "f64";
    case Dtype::bf16:
      return "bf16";
    case Dtype::i64:
      return "i64";
    case Dtype::u8:
      return "u8";
  }
  return "?";
}

constexpr bool is_float(Dtype dtype) {
  return dtype == Dtype::f32 || dtype == Dtype::f64 || dtype == Dtype::bf16;
}

// The Dtype of a C++ type: dtype_of<float> == Dtype::f32.
template <class T>
inline constexpr Dtype dtype_of = [] {
  static_assert(sizeof(T) == 0, "not an element type of fovea");
  return Dtype::f32;
}();
template <>
inline constexpr Dtype dtype_of<float> = Dtype::f32;
template <>
inline constexpr Dtype dtype_of<double> = Dtype::f64;
template <>
inline constexpr Dtype dtype_of<bf16> = Dtype::bf16;
template <>
inline constexpr Dtype dtype_of<int64_t> = Dtype::i64;
template <>
inline constexpr Dtype dtype_of<uint8_t> = Dtype::u8;

}  // namespace fovea
