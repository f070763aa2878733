#pragma once

#include <cstdint>

#include <fovea/kernels/bf16.h>
#include <fovea/kernels/context.h>

// Losses that compare two arrays element by element, T float, double or bf16.
namespace fovea::kernels {

// With d = x - t:
//   mse        d^2
//   l1         |d|
//   smooth_l1  d^2 / (2 beta) where |d| < beta, else |d| - beta / 2
//   bce        -t log(sigmoid(x)) - (1 - t) log(1 - sigmoid(x)), as max(x, 0) - x t + log(1 + exp(-|x|))
enum class Pointwise { mse, l1, smooth_l1, bce };

struct PointwiseLoss {
  Pointwise kind;
  double beta = 1;  // smooth_l1 only, above 0
};

// y[i] = loss(x[i], t[i])                                                              reads x and t, writes y
template <class T>
void pointwise_loss(Cpu&, PointwiseLoss loss, const T* x, const T* t, accumulator_t<T>* y, int64_t n);
template <class T>
void pointwise_loss(Cuda&, PointwiseLoss loss, const T* x, const T* t, accumulator_t<T>* y, int64_t n);

// *y = scale times the sum of loss(x[i], t[i]), in an order that does not depend on the number of threads.
//                                                                                       reads x and t
template <class T>
void pointwise_loss_sum(Cpu&, PointwiseLoss loss, const T* x, const T* t, double scale, accumulator_t<T>* y, int64_t n);
template <class T>
void pointwise_loss_sum(Cuda&, PointwiseLoss loss, const T* x, const T* t, double scale, accumulator_t<T>* y,
                        int64_t n);

// dx[i] = scale dy[i dy_step] d loss / dx, and dt likewise; either may be null. The slope of |d| at 0 is 0.
//                                                                                       reads x and t, writes dx and dt
template <class T>
void pointwise_loss_backward(Cpu&, PointwiseLoss loss, const T* x, const T* t, const accumulator_t<T>* dy,
                             int64_t dy_step, double scale, T* dx, T* dt, int64_t n);
template <class T>
void pointwise_loss_backward(Cuda&, PointwiseLoss loss, const T* x, const T* t, const accumulator_t<T>* dy,
                             int64_t dy_step, double scale, T* dx, T* dt, int64_t n);

}  // namespace fovea::kernels
