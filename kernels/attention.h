#pragma once

#include <cstdint>

#include <fovea/kernels/bf16.h>
#include <fovea/kernels/context.h>
#include <fovea/kernels/random.h>

namespace fovea::kernels {

// Multi-head attention over packed projections, qkv [batch, tokens, 3, heads, dim], T float, double or bf16:
//   y_i = sum over j of p_ij v_j,   p_i = softmax over the allowed j of scale q_i k_j
// A tile of queries against a tile of keys is in work at once, in accumulator_t<T>; nothing of size tokens x tokens is
// kept. A query that may attend to nothing gives 0. With dropout each p_ij is 0 with that probability and else divided
// by 1 - dropout, after the softmax. On a Cuda& dim is at most 128 (else std::runtime_error) and float products are
// sums of three tf32 ones, as exact as f32 to a few units in the last place.
struct Attention {
  int64_t batch, tokens, heads, dim;
  double scale;
  bool causal;              // j <= i only
  const uint8_t* key_mask;  // [batch, tokens], 0: not allowed; null: all are
  double dropout = 0;       // in [0, 1]
  RandomState random = {};
};

// The random numbers of dropout. A Philox counter serves two queries x two keys: word 2 (i % 2) + j % 2 of the counter
// that query i and key j of a head (batch * heads + head) lie in; p_ij stays if its uniform is below 1 - dropout.
FOVEA_HD inline int64_t attention_counters(int64_t tokens) {  // of one head
  return (tokens + 1) / 2 * ((tokens + 1) / 2);
}
FOVEA_HD inline Philox4 attention_draw(const Attention& s, int64_t head, int64_t i, int64_t j) {
  const RandomState from = s.random.place();
  const int64_t counter = head * attention_counters(s.tokens) + i / 2 * ((s.tokens + 1) / 2) + j / 2;
  return philox(from.seed, from.offset + uint64_t(counter));
}

// y [batch, tokens, heads, dim], lse [batch, heads, tokens] (infinity where nothing is allowed).
//                                                                    reads qkv, writes y and lse
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
