#pragma once

#include <cstdint>

#include <fovea/kernels/bf16.h>
#include <fovea/kernels/context.h>

namespace fovea::kernels {

// Multi-head attention over packed projections, qkv [batch, tokens, 3, heads, dim], T float, double or bf16:
//   y_i = sum over j of p_ij v_j,   p_i = softmax over the allowed j of scale q_i k_j
// Strips of 48 queries against all keys are in work at once, in accumulator_t<T>, one (batch, head) a thread; nothing
// of size tokens x tokens is kept. A query that may attend to nothing gives 0.
struct Attention {
  int64_t batch, tokens, heads, dim;
  double scale;
  bool causal;              // j <= i only
  const uint8_t* key_mask;  // [batch, tokens], 0: not allowed; null: all are
};

// y [batch, tokens, heads, dim], lse [batch, heads, tokens] (infinity where nothing is allowed).    reads qkv, writes y
// and lse
template <class T>
void attention(Cpu&, const Attention& shape, const T* qkv, T* y, accumulator_t<T>* lse);
template <class T>
void attention(Cuda&, const Attention& shape, const T* qkv, T* y, accumulator_t<T>* lse);

// The gradient of qkv; probabilities are made again from lse.        reads qkv, y and dy, writes dqkv
template <class T>
void attention_backward(Cpu&, const Attention& shape, const T* qkv, const T* y, const accumulator_t<T>* lse,
                        const T* dy, T* dqkv);
template <class T>
void attention_backward(Cuda&, const Attention& shape, const T* qkv, const T* y, const accumulator_t<T>* lse,
                        const T* dy, T* dqkv);

}  // namespace fovea::kernels
