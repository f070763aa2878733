#pragma once

// Private to elementwise*: what is instantiated.

// Every op, once.
// clang-format off
#define FOVEA_UNARY_OPS(M)                                                                                         \
  M(AddScalar)                                                                                                     \
  M(MulScalar)                                                                                                     \
  M(DivScalar)                                                                                                     \
  M(SubFromScalar)                                                                                                 \
  M(DivFromScalar)                                                                                                 \
  M(Exp) M(Log) M(Sqrt) M(Square) M(Pow) M(Abs) M(Clamp) M(Relu) M(LeakyRelu) M(Gelu) M(GeluTanh) M(Swish) M(Tanh) \
      M(Sigmoid) M(Softplus)
#define FOVEA_BINARY_OPS(M) M(Add) M(Sub) M(Mul) M(Div) M(Maximum) M(Minimum)
// clang-format on
