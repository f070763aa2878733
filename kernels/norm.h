#pragma once

#include <cstdint>

#include <fovea/kernels/bf16.h>
#include <fovea/kernels/context.h>

// Normalisation. T is the type of activations, accumulator_t<T> that of statistics, weights and their gradients. Sums
// are taken over fixed blocks and joined in double in a fixed order: the bits do not depend on the number of threads.
namespace fovea::kernels {

// Batch norm of x [rows, channels] over its rows:
//   y = act((x - mean) * invstd * weight + bias + residual),  act = relu or nothing
// Null pointers: no residual, weight 1, bias 0.
template <class T>
struct BatchNorm {
  using A = accumulator_t<T>;
  int64_t rows = 0, channels = 0;
  const T* x = nullptr;
  const T* residual = nullptr;
  const A* weight = nullptr;
  const A* bias = nullptr;
  bool relu = false;
};

// Training: mean and invstd = 1 / sqrt(biased variance + eps) of this batch are computed and written, and the running
// ones, unless null, are updated: running = (1 - momentum) running + momentum batch, with the unbiased variance. Wants
// rows >= 2.                                  reads x twice and residual once, writes y
template <class T>
struct BatchNormStatistics {
  using A = accumulator_t<T>;
  double eps = 1e-5, momentum = 0.1;
  A* mean = nullptr;
  A* invstd = nullptr;
  A* running_mean = nullptr;
  A* running_var = nullptr;
};
template <class T>
void batch_norm_train(Cpu&, const BatchNorm<T>& norm, const BatchNormStatistics<T>& statistics, T* y);
template <class T>
void batch_norm_train(Cuda&, const BatchNorm<T>& norm, const BatchNormStatistics<T>& statistics, T* y);

// Evaluation: mean and invstd are given.            reads x and residual, writes y
template <class T>
void batch_norm_eval(Cpu&, const BatchNorm<T>& norm, const accumulator_t<T>* mean, const accumulator_t<T>* invstd,
                     T* y);
template <class T>
void batch_norm_eval(Cuda&, const BatchNorm<T>& norm, const accumulator_t<T>* mean, const accumulator_t<T>* invstd,
                     T* y);

// invstd[c] = 1 / sqrt(var[c] + eps)
template <class A>
void inverse_std(Cpu&, const A* var, A* invstd, int64_t channels, double eps);
template <class A>
void inverse_std(Cuda&, const A* var, A* invstd, int64_t channels, double eps);

// Gradients of both. Let g = dy where act passed it on, else 0; with x^ = (x - mean) * invstd:
//   dbias = sum g     dweight = sum g x^     dresidual = g
//   dx = weight * invstd * (g - dbias / rows - x^ dweight / rows)   (training; without the two means otherwise)
// The ReLU's mask is computed again from x, or, with a residual, read from y. dx may be null, and may be dy's memory;
// so may dresidual, which is wanted exactly when there are both a ReLU and a residual (norm.residual is not read).
//                              reads x and dy twice, writes dx; with a residual also reads y, writes dresidual
template <class T>
struct BatchNormGradients {
  using A = accumulator_t<T>;
  T* dx = nullptr;
  T* dresidual = nullptr;
  A* dweight = nullptr;
  A* dbias = nullptr;
};
template <class T>
void batch_norm_backward(Cpu&, const BatchNorm<T>& norm, bool training, const accumulator_t<T>* mean,
                         const accumulator_t<T>* invstd, const T* y, const T* dy,
                         const BatchNormGradients<T>& gradients);
template <class T>
void batch_norm_backward(Cuda&, const BatchNorm<T>& norm, bool training, const accumulator_t<T>* mean,
                         const accumulator_t<T>* invstd, const T* y, const T* dy,
                         const BatchNormGradients<T>& gradients);

// Layer norm of x [rows, cols], each row over its columns: y = (x - mean) * invstd * weight + bias, where
// invstd = 1 / sqrt(biased variance + eps). Null pointers: weight 1, bias 0. mean and invstd [rows] are written for the
// backward pass.
//                                                   reads x, writes y; a row is read again from a cache
template <class T>
struct LayerNorm {
  using A = accumulator_t<T>;
  int64_t rows = 0, cols = 0;
  const T* x = nullptr;
  const A* weight = nullptr;
  const A* bias = nullptr;
};
template <class T>
void layer_norm(Cpu&, const LayerNorm<T>& norm, double eps, T* y, accumulator_t<T>* mean, accumulator_t<T>* invstd);
template <class T>
void layer_norm(Cuda&, const LayerNorm<T>& norm, double eps, T* y, accumulator_t<T>* mean, accumulator_t<T>* invstd);

// With g = dy * weight and x^ = (x - mean) * invstd:
//   dx = invstd * (g - mean of g - x^ * mean of g x^)   dweight = sum over rows of dy x^   dbias = sum over rows of dy
// dx may be dy's memory.                            reads x and dy, writes dx
template <class T>
struct LayerNormGradients {
  using A = accumulator_t<T>;
  T* dx = nullptr;
  A* dweight = nullptr;
  A* dbias = nullptr;
};
template <class T>
void layer_norm_backward(Cpu&, const LayerNorm<T>& norm, const accumulator_t<T>* mean, const accumulator_t<T>* invstd,
                         const T* dy, const LayerNormGradients<T>& gradients);
template <class T>
void layer_norm_backward(Cuda&, const LayerNorm<T>& norm, const accumulator_t<T>* mean, const accumulator_t<T>* invstd,
                         const T* dy, const LayerNormGradients<T>& gradients);

// Group norm of x [samples, rows, channels]: the channels of a sample lie in `groups` groups, and each is normalised
// over its channels and all rows. mean and invstd are [samples, groups]; the rest as in layer norm.
//                                          forward reads x twice, writes y; backward reads x and dy twice, writes dx
template <class T>
struct GroupNorm {
  using A = accumulator_t<T>;
  int64_t samples = 0, rows = 0, channels = 0, groups = 1;
  const T* x = nullptr;
  const A* weight = nullptr;
  const A* bias = nullptr;
};
template <class T>
void group_norm(Cpu&, const GroupNorm<T>& norm, double eps, T* y, accumulator_t<T>* mean, accumulator_t<T>* invstd);
template <class T>
void group_norm(Cuda&, const GroupNorm<T>& norm, double eps, T* y, accumulator_t<T>* mean, accumulator_t<T>* invstd);
template <class T>
void group_norm_backward(Cpu&, const GroupNorm<T>& norm, const accumulator_t<T>* mean, const accumulator_t<T>* invstd,
                         const T* dy, const LayerNormGradients<T>& gradients);
template <class T>
void group_norm_backward(Cuda&, const GroupNorm<T>& norm, const accumulator_t<T>* mean, const accumulator_t<T>* invstd,
                         const T* dy, const LayerNormGradients<T>& gradients);

}  // namespace fovea::kernels
