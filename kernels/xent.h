#pragma once

#include <cstdint>

#include <fovea/kernels/bf16.h>
#include <fovea/kernels/context.h>

// Softmax cross entropy of logits x [rows, cols], T float, double or bf16. The probabilities are never written: forward
// keeps lse[rows], the rows' log-sum-exp, backward makes them again.
namespace fovea::kernels {

// Labels that a loss can work with lie in [0, classes) or are `ignored`. On a device index_check.h checks them.
struct LabelCheck {
  int64_t bad_row = -1;  // the first row whose label is neither; -1: none
  int64_t counted = 0;   // rows whose label is not ignored
};
LabelCheck check_labels(Cpu&, const int64_t* labels, int64_t rows, int64_t classes, int64_t ignored);

// Labels [rows] (checked) and what they mean.
struct HardTarget {
  const int64_t* labels;
  int64_t ignored;   // rows with this label: loss 0, gradient 0
  double smoothing;  // the target is (1 - smoothing) at the label plus smoothing / cols everywhere
};

// loss[r] = lse(x_r) - sum over c of target_c x_rc                                    reads x
template <class T>
void xent(Cpu&, const T* x, HardTarget target, accumulator_t<T>* loss, accumulator_t<T>* lse, int64_t rows,
          int64_t cols);
template <class T>
void xent(Cuda&, const T* x, HardTarget target, accumulator_t<T>* loss, accumulator_t<T>* lse, int64_t rows,
          int64_t cols);

// dx_r = scale dy[r dy_step] (softmax(x_r) - target): dy_step 0 for one gradient of all rows.   reads x, writes dx
template <class T>
void xent_backward(Cpu&, const T* x, HardTarget target, const accumulator_t<T>* lse, const accumulator_t<T>* dy,
                   int64_t dy_step, double scale, T* dx, int64_t rows, int64_t cols);
template <class T>
void xent_backward(Cuda&, const T* x, HardTarget target, const accumulator_t<T>* lse, const accumulator_t<T>* dy,
                   int64_t dy_step, double scale, T* dx, int64_t rows, int64_t cols);

// The same against rows of weights, target [rows, cols]: loss[r] = sum over c of target_rc (lse(x_r) - x_rc). Keeps
// mass[rows] too, the sums of the targets, so that backward reads everything once.        reads x and target
template <class T>
void soft_xent(Cpu&, const T* x, const T* target, accumulator_t<T>* loss, accumulator_t<T>* lse, accumulator_t<T>* mass,
               int64_t rows, int64_t cols);
template <class T>
void soft_xent(Cuda&, const T* x, const T* target, accumulator_t<T>* loss, accumulator_t<T>* lse,
               accumulator_t<T>* mass, int64_t rows, int64_t cols);

// dx_r = scale dy[r dy_step] (mass_r softmax(x_r) - target_r)                     reads x and target, writes dx
template <class T>
void soft_xent_backward(Cpu&, const T* x, const T* target, const accumulator_t<T>* lse, const accumulator_t<T>* mass,
                        const accumulator_t<T>* dy, int64_t dy_step, double scale, T* dx, int64_t rows, int64_t cols);
template <class T>
void soft_xent_backward(Cuda&, const T* x, const T* target, const accumulator_t<T>* lse, const accumulator_t<T>* mass,
                        const accumulator_t<T>* dy, int64_t dy_step, double scale, T* dx, int64_t rows, int64_t cols);

// Self-distillation (DINO): the targets are softmax((logits - centre) / temperature) of a teacher, which is never written
// either. They are constants. Rows are `images` a view: row v images + n is view v of image n, and the student's row meets
// the teacher's rows of the same image, but for that of the same view unless `same_view`.
template <class T>
struct Teacher {
  const T* logits;                 // [views images, cols]
  const accumulator_t<T>* centre;  // [cols]; null: 0
  double temperature;              // above 0
  const accumulator_t<T>* lse;     // [views images]: distil_lse()
  int64_t images, views;
  bool same_view;
};

// lse[r], for which teacher.lse is not read, of (t_r - centre) / teacher.temperature   reads the teacher's logits
template <class T>
void distil_lse(Cpu&, Teacher<T> teacher, accumulator_t<T>* lse, int64_t cols);
template <class T>
void distil_lse(Cuda&, Teacher<T> teacher, accumulator_t<T>* lse, int64_t cols);

// loss[r] = sum over the teacher's rows t that row r meets, and over c, of
//           exp((t_c - centre_c) / teacher.temperature - lse_t) (lse(x_r / temperature) - x_rc / temperature).
// Keeps lse[rows] of x / temperature.                            reads x, and for each row those of the teacher it meets
template <class T>
void distil_xent(Cpu&, const T* x, double temperature, Teacher<T> teacher, accumulator_t<T>* loss,
                 accumulator_t<T>* lse, int64_t rows, int64_t cols);
template <class T>
void distil_xent(Cuda&, const T* x, double temperature, Teacher<T> teacher, accumulator_t<T>* loss,
                 accumulator_t<T>* lse, int64_t rows, int64_t cols);

// dx_r = scale dy[r dy_step] / temperature (m softmax(x_r / temperature) - target_r), target_r the sum of the m targets
// that row r meets                                                              reads as distil_xent does, writes dx
template <class T>
void distil_xent_backward(Cpu&, const T* x, double temperature, Teacher<T> teacher, const accumulator_t<T>* lse,
                          const accumulator_t<T>* dy, int64_t dy_step, double scale, T* dx, int64_t rows, int64_t cols);
template <class T>
void distil_xent_backward(Cuda&, const T* x, double temperature, Teacher<T> teacher, const accumulator_t<T>* lse,
                          const accumulator_t<T>* dy, int64_t dy_step, double scale, T* dx, int64_t rows, int64_t cols);

}  // namespace fovea::kernels
