#pragma once

#include <cstdint>

#include <fovea/kernels/bf16.h>
#include <fovea/kernels/context.h>

// Low-rank adapters: LoRA (Hu et al., 2022) and DoRA (Liu et al., 2024). T is the type of the weight, accumulator_t<T>
// that of the adapters, of the norms and of their gradients.
namespace fovea::kernels {

// V = W + scale B A for W [rows, cols]: a row is an output unit.
template <class T>
struct LowRank {
  using A = accumulator_t<T>;
  int64_t rows = 0, cols = 0, rank = 0;
  double scale = 1;
  const A* a = nullptr;  // [rank, cols]
  const A* b = nullptr;  // [rows, rank]
};

// merged = V. It may be the weight's memory.                        reads W, writes merged
template <class T>
void low_rank_merge(Cpu&, const LowRank<T>& adapter, const T* weight, T* merged);
template <class T>
void low_rank_merge(Cuda&, const LowRank<T>& adapter, const T* weight, T* merged);

// merged = magnitude V / norm, where norm[r] = |V[r]| is written. merged may be the weight's memory.
//                                                 reads W, writes merged; on CUDA before capability 9.0, and for rows
//                                                 that eight multiprocessors cannot hold, reads W twice
template <class T>
void dora_merge(Cpu&, const LowRank<T>& adapter, const T* weight, const accumulator_t<T>* magnitude, T* merged,
                accumulator_t<T>* norm);
template <class T>
void dora_merge(Cuda&, const LowRank<T>& adapter, const T* weight, const accumulator_t<T>* magnitude, T* merged,
                accumulator_t<T>* norm);

// The way back: weight = merged norm / magnitude - scale B A. Null magnitude and norm: LoRA's. The weight may be
// merged's memory.                                                   reads merged, writes W
template <class T>
void low_rank_unmerge(Cpu&, const LowRank<T>& adapter, const T* merged, const accumulator_t<T>* magnitude,
                      const accumulator_t<T>* norm, T* weight);
template <class T>
void low_rank_unmerge(Cuda&, const LowRank<T>& adapter, const T* merged, const accumulator_t<T>* magnitude,
                      const accumulator_t<T>* norm, T* weight);

// Gradients for the adapters from g = the gradient of merged. With f = magnitude / norm (LoRA: 1), and the norm taken
// as a constant, as DoRA does:
//   dA = scale B^T (f g)   dB = scale f (g A^T)   dmagnitude = (g . V) / norm = (g . W + scale B . (g A^T)) / norm
// Neither V nor f g is written anywhere. Null magnitude, norm and weight: LoRA's.
//                                                 reads g, and with a magnitude W, once for every 16 of the rank;
//                                                 writes dA, dB
template <class T>
struct LowRankGradients {
  using A = accumulator_t<T>;
  A* a = nullptr;
  A* b = nullptr;
  A* magnitude = nullptr;  // null exactly when the magnitude is
};
template <class T>
void low_rank_backward(Cpu&, const LowRank<T>& adapter, const T* weight, const accumulator_t<T>* magnitude,
                       const accumulator_t<T>* norm, const T* g, const LowRankGradients<T>& gradients);
template <class T>
void low_rank_backward(Cuda&, const LowRank<T>& adapter, const T* weight, const accumulator_t<T>* magnitude,
                       const accumulator_t<T>* norm, const T* g, const LowRankGradients<T>& gradients);

}  // namespace fovea::kernels
