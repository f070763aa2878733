#pragma once

#include <cstdint>

#include <fovea/kernels/nt_xent.h>

// NT-Xent's relatives. Rows are divided by max(length, 1e-12), similarities s live in tiles and are made again by
// backward, sums run in an order of their own: as nt_xent.h says. Null gradients are not wanted.
namespace fovea::kernels {

// DCL: NT-Xent whose sums leave the positive out, at least 2 pairs of them.
//   loss = mean over i of lse_i - w_i s_i,positive(i),  lse_i over the j that are neither i nor its positive
// weight [pairs]: constants that serve both rows of a pair; null: 1. Keeps lse [2 pairs].
template <class T>
void dcl(Cpu&, NtXent shape, const T* z0, const T* z1, const accumulator_t<T>* weight, accumulator_t<T>* loss,
         accumulator_t<T>* lse);
template <class T>
void dcl(Cuda&, NtXent shape, const T* z0, const T* z1, const accumulator_t<T>* weight, accumulator_t<T>* loss,
         accumulator_t<T>* lse);
template <class T>
void dcl_backward(Cpu&, NtXent shape, const T* z0, const T* z1, const accumulator_t<T>* weight,
                  const accumulator_t<T>* lse, const accumulator_t<T>* dy, T* dz0, T* dz1);
template <class T>
void dcl_backward(Cuda&, NtXent shape, const T* z0, const T* z1, const accumulator_t<T>* weight,
                  const accumulator_t<T>* lse, const accumulator_t<T>* dy, T* dz0, T* dz1);

// InfoNCE against a queue: query and key [queries, dim], queue [negatives, dim], a constant. Row i of key is the
// positive of row i of query, the rows of the queue are everyone's negatives.
//   loss = mean over i of lse_i - query_i key_i / temperature,  lse_i over key_i and the queue. Keeps lse [queries].
struct InfoNce {
  int64_t queries, negatives, dim;
  double temperature;  // above 0
};
template <class T>
void info_nce(Cpu&, InfoNce shape, const T* query, const T* key, const T* queue, accumulator_t<T>* loss,
              accumulator_t<T>* lse);
template <class T>
void info_nce(Cuda&, InfoNce shape, const T* query, const T* key, const T* queue, accumulator_t<T>* loss,
              accumulator_t<T>* lse);
template <class T>
void info_nce_backward(Cpu&, InfoNce shape, const T* query, const T* key, const T* queue, const accumulator_t<T>* lse,
                       const accumulator_t<T>* dy, T* dquery, T* dkey);
template <class T>
void info_nce_backward(Cuda&, InfoNce shape, const T* query, const T* key, const T* queue, const accumulator_t<T>* lse,
                       const accumulator_t<T>* dy, T* dquery, T* dkey);

// Two towers, x and y [pairs, dim], row i of one matching row i of the other. Scalars are read where the rows are.
struct Towers {
  int64_t pairs, dim;
};

// CLIP: s = exp(*log_scale) cos;  loss = (cross entropy of the rows + of the columns) / 2, labels 0 to pairs - 1.
// Keeps lse [2 pairs], the rows' first.
template <class T>
void clip(Cpu&, Towers shape, const T* x, const T* y, const accumulator_t<T>* log_scale, accumulator_t<T>* loss,
          accumulator_t<T>* lse);
template <class T>
void clip(Cuda&, Towers shape, const T* x, const T* y, const accumulator_t<T>* log_scale, accumulator_t<T>* loss,
          accumulator_t<T>* lse);
template <class T>
void clip_backward(Cpu&, Towers shape, const T* x, const T* y, const accumulator_t<T>* log_scale,
                   const accumulator_t<T>* lse, const accumulator_t<T>* dloss, T* dx, T* dy,
                   accumulator_t<T>* dlog_scale);
template <class T>
void clip_backward(Cuda&, Towers shape, const T* x, const T* y, const accumulator_t<T>* log_scale,
                   const accumulator_t<T>* lse, const accumulator_t<T>* dloss, T* dx, T* dy,
                   accumulator_t<T>* dlog_scale);

// SigLIP: s = exp(*log_scale) cos + *bias;  loss = sum over i, j of softplus(i == j ? -s_ij : s_ij) / pairs
template <class T>
void siglip(Cpu&, Towers shape, const T* x, const T* y, const accumulator_t<T>* log_scale, const accumulator_t<T>* bias,
            accumulator_t<T>* loss);
template <class T>
void siglip(Cuda&, Towers shape, const T* x, const T* y, const accumulator_t<T>* log_scale,
            const accumulator_t<T>* bias, accumulator_t<T>* loss);
template <class T>
void siglip_backward(Cpu&, Towers shape, const T* x, const T* y, const accumulator_t<T>* log_scale,
                     const accumulator_t<T>* bias, const accumulator_t<T>* dloss, T* dx, T* dy,
                     accumulator_t<T>* dlog_scale, accumulator_t<T>* dbias);
template <class T>
void siglip_backward(Cuda&, Towers shape, const T* x, const T* y, const accumulator_t<T>* log_scale,
                     const accumulator_t<T>* bias, const accumulator_t<T>* dloss, T* dx, T* dy,
                     accumulator_t<T>* dlog_scale, accumulator_t<T>* dbias);

}  // namespace fovea::kernels
