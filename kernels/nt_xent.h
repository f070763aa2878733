#pragma once

#include <cstdint>

#include <fovea/kernels/bf16.h>
#include <fovea/kernels/context.h>

namespace fovea::kernels {

// NT-Xent over the n = 2 pairs rows of z0 and z1 [pairs, dim]; row i of one is the positive of row i of the other. With
// u = row / max(|row|, 1e-12) and s_ij = u_i u_j / temperature,
//   loss = mean over i of lse_i - s_i,positive(i),   lse_i = log of the sum over j != i of exp(s_ij).
// Similarities live in tiles that never leave a core's cache; as s is symmetric, each is made once, for its row and its
// column. Memory beside the arguments: 2 n dim accumulators forward, 3 n dim backward. Sums run in an order that does
// not depend on the number of threads.
struct NtXent {
  int64_t pairs, dim;
  double temperature;  // above 0
};

// Gives the loss and keeps lse [n], rows of z0 first.                         reads z, n^2 dim operations
template <class T>
void nt_xent(Cpu&, NtXent shape, const T* z0, const T* z1, accumulator_t<T>* loss, accumulator_t<T>* lse);
template <class T>
void nt_xent(Cuda&, NtXent shape, const T* z0, const T* z1, accumulator_t<T>* loss, accumulator_t<T>* lse);

// dz = *dy d loss / dz; the tiles are made again. Null dz0 or dz1: not wanted.
//                                                                            reads z, writes dz, 3 n^2 dim operations
template <class T>
void nt_xent_backward(Cpu&, NtXent shape, const T* z0, const T* z1, const accumulator_t<T>* lse,
                      const accumulator_t<T>* dy, T* dz0, T* dz1);
template <class T>
void nt_xent_backward(Cuda&, NtXent shape, const T* z0, const T* z1, const accumulator_t<T>* lse,
                      const accumulator_t<T>* dy, T* dz0, T* dz1);

}  // namespace fovea::kernels
