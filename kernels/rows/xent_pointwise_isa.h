#pragma once

// Private to kernels/: a part of the arrays of xent_pointwise.h, at full speed.
#include <fovea/kernels/isa.h>
#include <fovea/kernels/xent_pointwise.h>

namespace fovea::kernels {

template <Isa I, class T>
void pointwise_part(PointwiseLoss loss, const T* x, const T* t, accumulator_t<T>* y, int64_t n);
template <Isa I, class T>
accumulator_t<T> pointwise_part_sum(PointwiseLoss loss, const T* x, const T* t, int64_t n);
template <Isa I, class T>
void pointwise_part_backward(PointwiseLoss loss, const T* x, const T* t, const accumulator_t<T>* dy, int64_t dy_step,
                             accumulator_t<T> scale, T* dx, T* dt, int64_t n);

}  // namespace fovea::kernels
