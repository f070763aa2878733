#pragma once

#include <cstdint>

#include <fovea/kernels/bf16.h>
#include <fovea/kernels/context.h>

namespace fovea::kernels {

// Matrices are dense and row-major: op(A) is m x k and op(B) k x n; a transposed operand is stored the other way round.
struct MatmulSizes {
  int64_t m = 0, n = 0, k = 0;
  bool transpose_a = false, transpose_b = false;
  int64_t batch = 1;
  // Elements from one matrix of the batch to the next. Stride 0 of a or b: one matrix for all; of c: the batch's sum.
  int64_t stride_a = 0, stride_b = 0, stride_c = 0;
};

enum class Epilogue { none, relu, gelu };  // gelu is the exact one, x (1 + erf(x / sqrt 2)) / 2

// What happens to the product on its way out: C = epilogue(alpha op(A) op(B) + beta C + bias + residual). With beta =
// 0, C is not read.
template <class T>
struct MatmulOutput {
  double alpha = 1, beta = 0;
  const accumulator_t<T>* bias = nullptr;  // [n], added to every row; null: none
  Epilogue epilogue = Epilogue::none;
  const T* residual = nullptr;  // laid out as C is, added before the epilogue; null: none
};

// C[m, n] from A and B. T float, double or bf16, Out the same or, for bf16, float. Sums in accumulator_t<T>. On the CPU
// their order depends neither on the number of threads nor on the batch; on CUDA it depends on the sizes and the device
// alone, and f32 operands are rounded as precision.h has it.      reads m k + k n, writes m n for each matrix
template <class T, class Out>
void matmul(Cpu&, const MatmulSizes& sizes, const T* a, const T* b, Out* c, const MatmulOutput<T>& output = {});
template <class T, class Out>
void matmul(Cuda&, const MatmulSizes& sizes, const T* a, const T* b, Out* c, const MatmulOutput<T>& output = {});

// The way back through a bias and a ReLU, x [rows, cols]: dz = y > 0 ? dy : 0 and bias[j] = sum over rows of dz. Null
// y: dz is dy, and is not written. Null bias: no sums. The order of the sums does not depend on the number of threads.
//                                                                       reads dy (and y), writes dz
template <class T>
void epilogue_backward(Cpu&, int64_t rows, int64_t cols, const T* y, const T* dy, T* dz, accumulator_t<T>* bias);
template <class T>
void epilogue_backward(Cuda&, int64_t rows, int64_t cols, const T* y, const T* dy, T* dz, accumulator_t<T>* bias);

}  // namespace fovea::kernels
