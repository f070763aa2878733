#pragma once

// Private to kernels/resize*.cpp.
#include <fovea/kernels/isa.h>
#include <fovea/kernels/resize.h>

namespace fovea::kernels {

// One row of the result: the rows' `taps` weights combine image rows first, each `size` values, into `mixed` [size],
// and the columns' table combines those.
template <Isa I, class T>
void resample_row(int64_t taps, const accumulator_t<T>* weight, int64_t c, const ResampleAxis<accumulator_t<T>>& cols,
                  const T* first, accumulator_t<T>* mixed, T* y);

}  // namespace fovea::kernels
