#include <fovea/kernels/cluster/sigreg_isa.h>
#include <fovea/kernels/vector_math.h>

namespace fovea::kernels {
namespace {

// The first knot's cosine and sine of a row, with which the columns are turned on from knot to knot. Columns beyond
// those there are hold 0.
template <class T>
struct SigRegRow {
  static constexpr int kWidth = kSigRegColumns;
  T step_cos[kWidth], step_sin[kWidth], cos[kWidth], sin[kWidth];

  void start(const T* p, int64_t cols) {
    for (int64_t i = 0; i < kWidth; ++i) step_cos[i] = 0;
    for (int64_t i = 0; i < cols; ++i) step_cos[i] = p[i] * T(SigRegKnots::kStep);
    for (int i = 0; i < kWidth; ++i) {
      const math::SinCos<T> angle = math::sincos(step_cos[i]);
      sin[i] = step_sin[i] = angle.sin;
      cos[i] = step_cos[i] = angle.cos;
    }
  }
  void turn() {
    for (int i = 0; i < kWidth; ++i) {
      const T c = cos[i] * step_cos[i] - sin[i] * step_sin[i];
      sin[i] = sin[i] * step_cos[i] + cos[i] * step_sin[i];
      cos[i] = c;
    }
  }
};

}  // namespace

template <Isa I, class T>
void sigreg_columns(const SigRegKnots& knots, T* p, int64_t ld, int64_t rows, int64_t cols, T* statistic,
                    bool gradient) {
  constexpr int kKnots = SigRegKnots::kCount, kWidth = kSigRegColumns;
  T real[kKnots][kWidth], imaginary[kKnots][kWidth];
  for (int k = 0; k < kKnots; ++k)
    for (int i = 0; i < kWidth; ++i) real[k][i] = imaginary[k][i] = 0;
  SigRegRow<T> row;
  for (int64_t n = 0; n < rows; ++n) {
    row.start(p + n * ld, cols);
    for (int k = 0; k < kKnots; ++k) {
      if (k > 0) row.turn();
      for (int i = 0; i < kWidth; ++i) real[k][i] += row.cos[i], imaginary[k][i] += row.sin[i];
    }
  }
  // From the sums to the statistics, and to what the gradient multiplies cosines and sines with.
  T total[kWidth] = {};
  const T mean = T(1) / T(rows);
  for (int k = 0; k < kKnots; ++k) {
    const T phi = T(knots.phi[k]), weight = T(knots.weight[k]), slope = T(2) * weight * T((k + 1) * SigRegKnots::kStep);
    for (int i = 0; i < kWidth; ++i) {
      const T c = real[k][i] * mean - phi, s = imaginary[k][i] * mean;
      total[i] += weight * (c * c + s * s);
      real[k][i] = slope * s, imaginary[k][i] = slope * c;
    }
  }
  for (int64_t i = 0; i < cols; ++i) statistic[i] = T(rows) * total[i];
  for (int64_t n = 0; gradient && n < rows; ++n) {
    T d[kWidth] = {};
    row.start(p + n * ld, cols);
    for (int k = 0; k < kKnots; ++k) {
      if (k > 0) row.turn();
      for (int i = 0; i < kWidth; ++i) d[i] += real[k][i] * row.cos[i] - imaginary[k][i] * row.sin[i];
    }
    for (int64_t i = 0; i < cols; ++i) p[n * ld + i] = d[i];
  }
}

template void sigreg_columns<kIsa>(const SigRegKnots&, float*, int64_t, int64_t, int64_t, float*, bool);
template void sigreg_columns<kIsa>(const SigRegKnots&, double*, int64_t, int64_t, int64_t, double*, bool);

}  // namespace fovea::kernels
