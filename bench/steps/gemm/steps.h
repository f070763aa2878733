#pragma once

#include <fovea/kernels/bf16.h>
#include <fovea/kernels/context.h>

// How a matrix product becomes fast, one idea at a time. Every step computes C[m, n] = A[m, k] B[k, n], row-major, and
// is as short as its idea allows; docs/kernels.md walks through them, and kernels/matmul_*.cu is where they lead. Sizes
// must be multiples of 128 (k of 32) for steps 3 to 6, so that edges do not hide the idea.
namespace fovea::steps {

using kernels::Cuda;

void gemm_naive(Cuda&, int m, int n, int k, const float* a, const float* b, float* c);
void gemm_coalesced(Cuda&, int m, int n, int k, const float* a, const float* b, float* c);
void gemm_shared(Cuda&, int m, int n, int k, const float* a, const float* b, float* c);
void gemm_registers(Cuda&, int m, int n, int k, const float* a, const float* b, float* c);
void gemm_vectorised(Cuda&, int m, int n, int k, const float* a, const float* b, float* c);
void gemm_mma(Cuda&, int m, int n, int k, const bf16* a, const bf16* b, float* c);

}  // namespace fovea::steps
