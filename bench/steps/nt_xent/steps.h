#pragma once

#include <cstdint>

#include <fovea/kernels/context.h>

// How NT-Xent loses its matrix. Every step computes the log-sums of its softmaxes, lse[i] = log of the sum over j != i
// of exp(u_i u_j / temperature), for rows u [n, dim] of length 1; the loss and its backward follow from them.
// docs/kernels.md walks through the steps, and kernels/similarity/contrastive.cu is where they lead.
namespace fovea::steps {

using kernels::Cuda;

void nt_xent_matrix(Cuda&, int n, int dim, const float* u, float temperature, float* similarities, float* lse);
void nt_xent_streaming(Cuda&, int n, int dim, const float* u, float temperature, float* lse);
// Steps 3 and 4: n a multiple of 64, dim of 32.
void nt_xent_shared(Cuda&, int n, int dim, const float* u, float temperature, float* lse);
void nt_xent_registers(Cuda&, int n, int dim, const float* u, float temperature, float* lse);

}  // namespace fovea::steps
