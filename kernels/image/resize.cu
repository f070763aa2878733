// Resampling of NHWC images by two tables of taps: a thread does a pack of channels of one output; rows are combined
// within each column first, as on the CPU. Inputs that several outputs share come from the caches.
#include <fovea/kernels/resize.h>
#include <fovea/kernels/base/for_each.cuh>

namespace fovea::kernels {

template <class T>
struct ResampleBody {
  static constexpr int kN = kPack<T>;
  ResampleAxis<float> rows, cols;
  int64_t c;
  Divisor by_channels, by_cols, by_rows;
  const T* x;
  T* y;
  template <int N>
  __device__ void run(int64_t i) const {
    const Division channel = by_channels.divide(i), col = by_cols.divide(channel.quotient),
                   row = by_rows.divide(col.quotient);
    const float *row_weight = rows.weight + row.remainder * rows.taps,
                *col_weight = cols.weight + col.remainder * cols.taps;
    const int64_t in_row = cols.in * c;
    const T* corner = x + (row.quotient * rows.in + rows.start[row.remainder]) * in_row +
                      cols.start[col.remainder] * c + channel.remainder;
    auto sum = splat<N>(0.0f);
    for (int64_t kx = 0; kx < cols.taps; ++kx) {
      const float across = col_weight[kx];
      if (across == 0) continue;  // taps of weight 0 are not read, so what they point at cannot leak in
      auto mixed = splat<N>(0.0f);
#pragma unroll 2
      for (int64_t ky = 0; ky < rows.taps; ++ky) {
        const float down = row_weight[ky];
        if (down == 0) continue;
        const auto values = load_values<N>(corner + ky * in_row + kx * c);
#pragma unroll
        for (int k = 0; k < N; ++k) mixed[k] += down * values[k];
      }
#pragma unroll
      for (int k = 0; k < N; ++k) sum[k] += across * mixed[k];
    }
    store_values(y + i, sum);
  }
};
template <class T>
void resample2d(Cuda& ctx, int64_t n, int64_t c, const ResampleAxis<accumulator_t<T>>& rows,
                const ResampleAxis<accumulator_t<T>>& cols, const T* x, T* y) {
  for_each(ctx, ResampleBody<T>{rows, cols, c, c, cols.out, rows.out, x, y}, n * rows.out * cols.out * c,
           allows_packs<T>(c, x, y));
}

template void resample2d<float>(Cuda&, int64_t, int64_t, const ResampleAxis<float>&, const ResampleAxis<float>&,
                                const float*, float*);
template void resample2d<bf16>(Cuda&, int64_t, int64_t, const ResampleAxis<float>&, const ResampleAxis<float>&,
                               const bf16*, bf16*);

}  // namespace fovea::kernels
