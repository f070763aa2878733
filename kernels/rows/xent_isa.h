#pragma once

// Private to kernels/: a group of rows of xent.h, at full speed.
#include <fovea/kernels/isa.h>
#include <fovea/kernels/xent.h>

namespace fovea::kernels {

template <Isa I, class T>
void xent_rows(const T* x, HardTarget target, accumulator_t<T>* loss, accumulator_t<T>* lse, int64_t rows,
               int64_t cols);
template <Isa I, class T>
void xent_backward_rows(const T* x, HardTarget target, const accumulator_t<T>* lse, const accumulator_t<T>* dy,
                        int64_t dy_step, accumulator_t<T> scale, T* dx, int64_t rows, int64_t cols);
template <Isa I, class T>
void soft_xent_rows(const T* x, const T* target, accumulator_t<T>* loss, accumulator_t<T>* lse, accumulator_t<T>* mass,
                    int64_t rows, int64_t cols);
template <Isa I, class T>
void soft_xent_backward_rows(const T* x, const T* target, const accumulator_t<T>* lse, const accumulator_t<T>* mass,
                             const accumulator_t<T>* dy, int64_t dy_step, accumulator_t<T> scale, T* dx, int64_t rows,
                             int64_t cols);
template <Isa I, class T>
void distil_lse_rows(Teacher<T> teacher, accumulator_t<T>* lse, int64_t first, int64_t rows, int64_t cols);
// Rows first, first + 1, ... of x, loss, lse, dy and dx, which are whole.
template <Isa I, class T>
void distil_xent_rows(const T* x, accumulator_t<T> temperature, Teacher<T> teacher, accumulator_t<T>* loss,
                      accumulator_t<T>* lse, int64_t first, int64_t rows, int64_t cols);
template <Isa I, class T>
void distil_xent_backward_rows(const T* x, accumulator_t<T> temperature, Teacher<T> teacher,
                               const accumulator_t<T>* lse, const accumulator_t<T>* dy, int64_t dy_step,
                               accumulator_t<T> scale, T* dx, int64_t first, int64_t rows, int64_t cols);

}  // namespace fovea::kernels
