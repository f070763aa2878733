#pragma once

#include <cstdint>

#include <fovea/kernels/context.h>

namespace fovea::kernels {

// One parameter of a teacher and of the student that it follows.
template <class T>
struct EmaArray {
  int64_t size = 0;
  T* teacher = nullptr;
  const T* student = nullptr;
};

// teacher = momentum teacher + (1 - momentum) student, over all arrays in one pass. T is float, or double for tests.
//                                                                    reads both, writes teacher
template <class T>
void ema(Cpu&, const EmaArray<T>* arrays, int64_t count, double momentum);
template <class T>
void ema(Cuda&, const EmaArray<T>* arrays, int64_t count, double momentum);

}  // namespace fovea::kernels
