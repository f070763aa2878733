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

// teacher = momentum teacher + (1 - momentum) student, over all arrays in one pass. T is float, or double for tests on
// the CPU. On CUDA a list of up to 1000 arrays is one launch. An optimiser's step can do the same on the way, for less:
// OptimArray::teacher.
//                                                                    reads both, writes teacher
template <class T>
void ema(Cpu&, const EmaArray<T>* arrays, int64_t count, double momentum);
template <class T>
void ema(Cuda&, const EmaArray<T>* arrays, int64_t count, double momentum);
// With the momentum in the device's memory, for steps that are captured in a graph.
template <class T>
void ema(Cuda&, const EmaArray<T>* arrays, int64_t count, const T* momentum);

}  // namespace fovea::kernels
