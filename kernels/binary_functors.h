#pragma once

#include <fovea/kernels/host_device.h>

// Elementwise maths of two operands, as functors.h has it of one.
namespace fovea::kernels {

// Binary: y = f(a, b), da = dy * da(a, b), db = dy * db(a, b). kDaReadsA: whether da() looks at a.

struct Add {
  static constexpr bool kDaReadsA = false;
  template <class T>
  FOVEA_HD T f(T a, T b) const {
    return a + b;
  }
  template <class T>
  FOVEA_HD T da(T, T) const {
    return T(1);
  }
  template <class T>
  FOVEA_HD T db(T, T) const {
    return T(1);
  }
};
struct Sub {
  static constexpr bool kDaReadsA = false;
  template <class T>
  FOVEA_HD T f(T a, T b) const {
    return a - b;
  }
  template <class T>
  FOVEA_HD T da(T, T) const {
    return T(1);
  }
  template <class T>
  FOVEA_HD T db(T, T) const {
    return T(-1);
  }
};
struct Mul {
  static constexpr bool kDaReadsA = false;
  template <class T>
  FOVEA_HD T f(T a, T b) const {
    return a * b;
  }
  template <class T>
  FOVEA_HD T da(T, T b) const {
    return b;
  }
  template <class T>
  FOVEA_HD T db(T a, T) const {
    return a;
  }
};
struct Div {
  static constexpr bool kDaReadsA = false;
  template <class T>
  FOVEA_HD T f(T a, T b) const {
    return a / b;
  }
  template <class T>
  FOVEA_HD T da(T, T b) const {
    return T(1) / b;
  }
  template <class T>
  FOVEA_HD T db(T a, T b) const {
    return -a / (b * b);
  }
};
struct Maximum {  // NaN if either is; at ties each gets half of the gradient
  static constexpr bool kDaReadsA = true;
  template <class T>
  FOVEA_HD T f(T a, T b) const {
    return (a > b) | (a != a) ? a : b;
  }
  template <class T>
  FOVEA_HD T da(T a, T b) const {
    return a > b ? T(1) : a == b ? T(0.5) : T(0);
  }
  template <class T>
  FOVEA_HD T db(T a, T b) const {
    return b > a ? T(1) : a == b ? T(0.5) : T(0);
  }
};
struct Minimum {
  static constexpr bool kDaReadsA = true;
  template <class T>
  FOVEA_HD T f(T a, T b) const {
    return (a < b) | (a != a) ? a : b;
  }
  template <class T>
  FOVEA_HD T da(T a, T b) const {
    return a < b ? T(1) : a == b ? T(0.5) : T(0);
  }
  template <class T>
  FOVEA_HD T db(T a, T b) const {
    return b < a ? T(1) : a == b ? T(0.5) : T(0);
  }
};

// Comparisons: u8, 1 where true. T is any element type, compared as it is (bf16 as float).

struct Equal {
  template <class T>
  FOVEA_HD bool f(T a, T b) const {
    return a == b;
  }
};
struct NotEqual {
  template <class T>
  FOVEA_HD bool f(T a, T b) const {
    return a != b;
  }
};
struct Less {
  template <class T>
  FOVEA_HD bool f(T a, T b) const {
    return a < b;
  }
};
struct LessEqual {
  template <class T>
  FOVEA_HD bool f(T a, T b) const {
    return a <= b;
  }
};

}  // namespace fovea::kernels
