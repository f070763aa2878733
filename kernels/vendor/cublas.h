#pragma once

#include <string>

#include <fovea/kernels/matmul.h>

// cuBLAS behind the signature of matmul.h: the baseline that tests and benchmarks compare with. The framework itself
// never calls it. The library is opened at the first call.
namespace fovea::kernels::vendor {

// Why cuBLAS cannot be used on this machine, in a sentence; empty where it can.
const std::string& cublas_missing();

// T and Out as in matmul.h, without double. Float follows float32_precision. The output's alpha and beta count; throws
// std::runtime_error for a bias, a residual or an epilogue, when cuBLAS fails, and with cublas_missing's words.
template <class T, class Out>
void matmul(Cuda&, const MatmulSizes& sizes, const T* a, const T* b, Out* c, const MatmulOutput<T>& output = {});

}  // namespace fovea::kernels::vendor
