#pragma once

#include <cstdint>
#include <vector>

#include <fovea/kernels/bf16.h>
#include <fovea/kernels/context.h>

// Resizing of images: a separable linear map, so that its gradient is the same map with both axes transposed.
namespace fovea::kernels {

// How one axis is resampled: out[o] = sum over k < taps of weight[o taps + k] in[start[o] + k]. All reads lie inside.
struct ResampleTable {
  int64_t in = 0, out = 0, taps = 0;
  std::vector<int64_t> start;
  std::vector<double> weight;
};

// The tables of torch.nn.functional.interpolate: linear or cubic (a = -0.75, or -0.5 with antialias). Antialiasing
// widens the filter to the step between outputs where that is more than a pixel; it does not go with align_corners. in,
// out >= 1.
struct ResampleFilter {
  bool cubic = false, align_corners = false, antialias = false;
};
ResampleTable resample_table(int64_t in, int64_t out, const ResampleFilter& filter);
ResampleTable transposed(const ResampleTable& table);

// A table in the memory of the device that runs the kernel, weights in accumulator_t<T>.
template <class A>
struct ResampleAxis {
  int64_t in = 0, out = 0, taps = 0;
  const int64_t* start = nullptr;
  const A* weight = nullptr;
};

// x [n, rows.in, cols.in, c] -> y [n, rows.out, cols.out, c].
//                                  reads x about rows.taps rows.out / rows.in times, mostly from caches; writes y
template <class T>
void resample2d(Cpu&, int64_t n, int64_t c, const ResampleAxis<accumulator_t<T>>& rows,
                const ResampleAxis<accumulator_t<T>>& cols, const T* x, T* y);
template <class T>
void resample2d(Cuda&, int64_t n, int64_t c, const ResampleAxis<accumulator_t<T>>& rows,
                const ResampleAxis<accumulator_t<T>>& cols, const T* x, T* y);

}  // namespace fovea::kernels
