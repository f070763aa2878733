// Normalisation of 8-bit pixels: 4 bytes in and 16 bytes out a thread.
#include <fovea/kernels/image.h>
#include <fovea/kernels/base/for_each.cuh>

namespace fovea::kernels {

struct NormalizeRgb {
  static constexpr int kN = 4;
  const uint8_t* x;
  float* out;
  float scale[3], bias[3];
  template <int N>
  __device__ void run(int64_t i) const {
    const auto bytes = load_values<N>(x + i);
    const int first = int(i % 3);
    Values<float, N> values;
#pragma unroll
    for (int k = 0; k < N; ++k) {
      const int c = (first + k) % 3;
      values[k] = fmaf(float(bytes[k]),
                       c == 0   ? scale[0]
                       : c == 1 ? scale[1]
                                : scale[2],
                       c == 0   ? bias[0]
                       : c == 1 ? bias[1]
                                : bias[2]);
    }
    store_values(out + i, values);
  }
};
void normalize_rgb(Cuda& ctx, const uint8_t* x, float* out, int64_t pixels, const float* scale, const float* bias) {
  for_each(ctx, NormalizeRgb{x, out, {scale[0], scale[1], scale[2]}, {bias[0], bias[1], bias[2]}}, 3 * pixels,
           is_aligned<4>(x) && is_aligned<4>(out));
}

}  // namespace fovea::kernels
