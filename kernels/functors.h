#pragma once

#include <cstdint>

#include <fovea/kernels/host_device.h>
#include <fovea/kernels/vector_math.h>

// Elementwise maths of one operand: one struct an op, its derivative beside it, one body for every device. T is float
// or double; bf16 is converted by the loops around it. Parameters are members, kept in double.
namespace fovea::kernels {

// What the derivative of a unary op is a function of, and hence what the backward pass must keep.
enum class Saves { nothing, input, output };

// Unary: y = f(x), dx = dy * df(saved).

struct AddScalar {
  static constexpr Saves kSaves = Saves::nothing;
  double c;
  template <class T>
  FOVEA_HD T f(T x) const {
    return x + T(c);
  }
  template <class T>
  FOVEA_HD T df(T) const {
    return T(1);
  }
};
struct MulScalar {
  static constexpr Saves kSaves = Saves::nothing;
  double c;
  template <class T>
  FOVEA_HD T f(T x) const {
    return x * T(c);
  }
  template <class T>
  FOVEA_HD T df(T) const {
    return T(c);
  }
};
struct DivScalar {  // x / c
  static constexpr Saves kSaves = Saves::nothing;
  double c;
  template <class T>
  FOVEA_HD T f(T x) const {
    return x / T(c);
  }
  template <class T>
  FOVEA_HD T df(T) const {
    return T(1) / T(c);
  }
};
struct SubFromScalar {  // c - x
  static constexpr Saves kSaves = Saves::nothing;
  double c;
  template <class T>
  FOVEA_HD T f(T x) const {
    return T(c) - x;
  }
  template <class T>
  FOVEA_HD T df(T) const {
    return T(-1);
  }
};
struct DivFromScalar {  // c / x
  static constexpr Saves kSaves = Saves::input;
  double c;
  template <class T>
  FOVEA_HD T f(T x) const {
    return T(c) / x;
  }
  template <class T>
  FOVEA_HD T df(T x) const {
    return -T(c) / (x * x);
  }
};

struct Exp {
  static constexpr Saves kSaves = Saves::output;
  template <class T>
  FOVEA_HD T f(T x) const {
    return math::exp(x);
  }
  template <class T>
  FOVEA_HD T df(T y) const {
    return y;
  }
};
struct Log {
  static constexpr Saves kSaves = Saves::input;
  template <class T>
  FOVEA_HD T f(T x) const {
    return math::log(x);
  }
  template <class T>
  FOVEA_HD T df(T x) const {
    return T(1) / x;
  }
};
struct Sqrt {
  static constexpr Saves kSaves = Saves::output;
  template <class T>
  FOVEA_HD T f(T x) const {
    return math::sqrt(x);
  }
  template <class T>
  FOVEA_HD T df(T y) const {
    return T(0.5) / y;
  }
};
struct Square {
  static constexpr Saves kSaves = Saves::input;
  template <class T>
  FOVEA_HD T f(T x) const {
    return x * x;
  }
  template <class T>
  FOVEA_HD T df(T x) const {
    return T(2) * x;
  }
};
struct Pow {
  static constexpr Saves kSaves = Saves::input;
  double exponent;
  template <class T>
  FOVEA_HD T f(T x) const {
    return math::pow(x, T(exponent));
  }
  template <class T>
  FOVEA_HD T df(T x) const {
    return exponent == 0 ? T(0) : T(exponent) * math::pow(x, T(exponent - 1));
  }
};
struct Abs {
  static constexpr Saves kSaves = Saves::input;
  template <class T>
  FOVEA_HD T f(T x) const {
    return math::abs(x);
  }
  template <class T>
  FOVEA_HD T df(T x) const {
    return x > T(0) ? T(1) : x < T(0) ? T(-1) : T(0);
  }
};
struct Clamp {
  static constexpr Saves kSaves = Saves::input;
  double low, high;
  template <class T>
  FOVEA_HD T f(T x) const {
    return x < T(low) ? T(low) : x > T(high) ? T(high) : x;
  }
  template <class T>
  FOVEA_HD T df(T x) const {
    return (x > T(low)) & (x < T(high)) ? T(1) : T(0);
  }
};

struct Relu {
  static constexpr Saves kSaves = Saves::output;
  template <class T>
  FOVEA_HD T f(T x) const {
    return x < T(0) ? T(0) : x;  // keeps NaN
  }
  template <class T>
  FOVEA_HD T df(T y) const {
    return y > T(0) ? T(1) : T(0);
  }
};
struct LeakyRelu {
  static constexpr Saves kSaves = Saves::input;
  double slope;
  template <class T>
  FOVEA_HD T f(T x) const {
    return x > T(0) ? x : x * T(slope);
  }
  template <class T>
  FOVEA_HD T df(T x) const {
    return x > T(0) ? T(1) : T(slope);
  }
};
struct Gelu {  // x Phi(x), Phi the normal distribution function
  static constexpr Saves kSaves = Saves::input;
  template <class T>
  FOVEA_HD T f(T x) const {
    return T(0.5) * x * (T(1) + math::erf(x * T(0.70710678118654752)));
  }
  template <class T>
  FOVEA_HD T df(T x) const {
    T cdf = T(0.5) * (T(1) + math::erf(x * T(0.70710678118654752)));
    return cdf + x * T(0.39894228040143268) * math::exp(T(-0.5) * x * x);
  }
};
struct GeluTanh {  // x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))
  static constexpr Saves kSaves = Saves::input;
  template <class T>
  FOVEA_HD T f(T x) const {
    return T(0.5) * x * (T(1) + math::tanh(T(0.79788456080286536) * x * (T(1) + T(0.044715) * x * x)));
  }
  template <class T>
  FOVEA_HD T df(T x) const {
    T t = math::tanh(T(0.79788456080286536) * x * (T(1) + T(0.044715) * x * x));
    T slope = T(0.79788456080286536) * (T(1) + T(3 * 0.044715) * x * x);
    return T(0.5) * (T(1) + t) + T(0.5) * x * (T(1) - t * t) * slope;
  }
};
struct Swish {  // x sigmoid(beta x)
  static constexpr Saves kSaves = Saves::input;
  double beta;
  template <class T>
  FOVEA_HD T f(T x) const {
    return x * math::sigmoid(T(beta) * x);
  }
  template <class T>
  FOVEA_HD T df(T x) const {
    T s = math::sigmoid(T(beta) * x);
    return s + T(beta) * x * s * (T(1) - s);
  }
};
struct Tanh {
  static constexpr Saves kSaves = Saves::output;
  template <class T>
  FOVEA_HD T f(T x) const {
    return math::tanh(x);
  }
  template <class T>
  FOVEA_HD T df(T y) const {
    return T(1) - y * y;
  }
};
struct Sigmoid {
  static constexpr Saves kSaves = Saves::output;
  template <class T>
  FOVEA_HD T f(T x) const {
    return math::sigmoid(x);
  }
  template <class T>
  FOVEA_HD T df(T y) const {
    return y * (T(1) - y);
  }
};
struct Softplus {
  static constexpr Saves kSaves = Saves::input;
  template <class T>
  FOVEA_HD T f(T x) const {
    return x > T(20) ? x : math::log1p(math::exp(x));
  }
  template <class T>
  FOVEA_HD T df(T x) const {
    return x > T(20) ? T(1) : math::sigmoid(x);
  }
};

}  // namespace fovea::kernels
