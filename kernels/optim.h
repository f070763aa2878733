#pragma once

#include <cstdint>

#include <fovea/kernels/context.h>

// Optimiser steps over many arrays in one pass: a network is one list, cut into chunks for balance. T is float, or
// double for tests on the CPU. Sums are taken chunk by chunk in double and added in order, so no result depends on the
// number of threads.
//
// On CUDA a list of up to 600 arrays is one launch (two more take LARS's norms), a longer one a launch for every 600:
// the list travels as the kernel's parameter, so nothing is uploaded and the host waits for nothing. What changes from
// step to step goes the same way or, for a step that is captured and replayed, through device memory: see Scheduled.
namespace fovea::kernels {

// The numbers of a step that a schedule changes. A kernel whose step has `scheduled` reads them there, in the device's
// memory, instead of computing them from lr, t and teacher_momentum: put() (copy.h) new ones before each replay.
struct Scheduled {
  float rate = 0;                          // lr; Adam: lr / (1 - beta1^t)
  float root = 1;                          // Adam: 1 / sqrt(1 - beta2^t)
  float keep = 1;                          // AdamW: 1 - lr weight_decay
  float teacher = 1, rest_of_teacher = 0;  // teacher_momentum and 1 - teacher_momentum
};

// One parameter: weights, gradient, and the state that the method keeps (null where it keeps none). State starts at 0.
template <class T>
struct OptimArray {
  int64_t size = 0;
  T* weight = nullptr;
  const T* gradient = nullptr;
  T* first = nullptr;   // SGD's and LARS's momentum, Adam's first moment
  T* second = nullptr;  // Adam's second moment
  // What follows the weights in the same pass, unless null (reads and writes it, and does not read w again for it):
  T* teacher = nullptr;  // teacher = teacher_momentum teacher + (1 - teacher_momentum) w, of the new w
};

// PyTorch's SGD without dampening, where a state of 0 is the same as its "first buffer = gradient":
//   u = g + weight_decay w;   first = momentum first + u;   w -= lr (nesterov ? u + momentum first : first)
// Without momentum w -= lr u, and `first` is not touched.          reads w, g, first; writes w, first
struct SgdStep {
  double lr = 0, momentum = 0, weight_decay = 0;
  bool nesterov = false;
  double teacher_momentum = 1;
  const Scheduled* scheduled = nullptr;  // CUDA alone
};
Scheduled scheduled(const SgdStep& step);
template <class T>
void sgd(Cpu&, const OptimArray<T>* arrays, int64_t count, const SgdStep& step);
template <class T>
void sgd(Cuda&, const OptimArray<T>* arrays, int64_t count, const SgdStep& step);

// Kingma and Ba, 2015; with `decoupled`, AdamW (Loshchilov and Hutter, 2019). As PyTorch computes them:
//   decoupled ? w *= 1 - lr weight_decay : g += weight_decay w
//   first = beta1 first + (1 - beta1) g;   second = beta2 second + (1 - beta2) g^2
//   w -= lr / (1 - beta1^t) * first / (sqrt(second / (1 - beta2^t)) + eps)
//                                                                    reads w, g, first, second; writes w, first, second
struct AdamStep {
  double lr = 1e-3, beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0;
  bool decoupled = false;
  int64_t t = 1;  // this step's number, from 1
  double teacher_momentum = 1;
  const Scheduled* scheduled = nullptr;  // CUDA alone
};
Scheduled scheduled(const AdamStep& step);
template <class T>
void adam(Cpu&, const OptimArray<T>* arrays, int64_t count, const AdamStep& step);
template <class T>
void adam(Cuda&, const OptimArray<T>* arrays, int64_t count, const AdamStep& step);

// LARS (You et al., 2017): SGD with momentum whose u is scaled by a trust ratio q for each array,
//   u = g + weight_decay w;   first = momentum first + q u;   w -= lr first
//   paper:   q = eta |w| / |u|, or 1 if a norm is 0              (Barlow Twins, VICReg, MoCo v3, BYOL)
//   lightly: q = eta |w| / (|g| + weight_decay |w| + eps) if weight_decay != 0 and |w|, |g| != 0; else q = 1, u = g
// Without `adapt` (biases and norms, whose weight_decay is 0 then) q = 1.
//                                                                    reads w, g twice, first; writes w, first
enum class LarsForm { paper, lightly };
struct LarsStep {
  double lr = 0, momentum = 0.9, weight_decay = 0, eta = 1e-3, eps = 1e-8;
  LarsForm form = LarsForm::paper;
  bool adapt = true;
  double teacher_momentum = 1;
  const Scheduled* scheduled = nullptr;  // CUDA alone
};
Scheduled scheduled(const LarsStep& step);
template <class T>
void lars(Cpu&, const OptimArray<T>* arrays, int64_t count, const LarsStep& step);
template <class T>
void lars(Cuda&, const OptimArray<T>* arrays, int64_t count, const LarsStep& step);

// *result = the sum of the squares of all gradients, in double; on CUDA `result` is in the device's memory.
//                                                                    reads g
template <class T>
void squared_norm(Cpu&, const OptimArray<T>* arrays, int64_t count, double* result);
template <class T>
void squared_norm(Cuda&, const OptimArray<T>* arrays, int64_t count, double* result);

// One writable array of a list.
template <class T>
struct ScaleArray {
  int64_t size = 0;
  T* values = nullptr;
};
// values *= factor                                                   reads and writes all
template <class T>
void scale_arrays(Cpu&, const ScaleArray<T>* arrays, int64_t count, double factor);
template <class T>
void scale_arrays(Cuda&, const ScaleArray<T>* arrays, int64_t count, double factor);

// With norm = sqrt(*squared_norm): values *= max_norm / (norm + 1e-6) if that is below 1 and the norm is finite;
// *result = norm. On CUDA squared_norm and result are in the device's memory.
//                                                                    reads and writes all, or nothing
template <class T>
void clip_arrays(Cpu&, const ScaleArray<T>* arrays, int64_t count, const double* squared_norm, double max_norm,
                 float* result);
template <class T>
void clip_arrays(Cuda&, const ScaleArray<T>* arrays, int64_t count, const double* squared_norm, double max_norm,
                 float* result);

}  // namespace fovea::kernels
