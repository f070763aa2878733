#include <fovea/kernels/base/stores.h>
#include <fovea/kernels/similarity/nt_xent_isa.h>
#include <fovea/kernels/vector_math.h>

namespace fovea::kernels {

static constexpr double kMinNorm = 1e-12;

template <Isa I, class T>
void unit_rows(const T* z, int64_t rows, int64_t dim, accumulator_t<T>* unit, int64_t ld, accumulator_t<T>* norm) {
  using Acc = accumulator_t<T>;
  for (int64_t r = 0; r < rows; ++r, z += dim, unit += ld) {
    Acc squares = 0;
#pragma omp simd reduction(+ : squares)
    for (int64_t d = 0; d < dim; ++d) squares += Acc(z[d]) * Acc(z[d]);
    Acc length = math::sqrt(squares);
    norm[r] = length > Acc(kMinNorm) ? length : Acc(kMinNorm);
    Acc inverse = 1 / norm[r];
    for (int64_t d = 0; d < dim; ++d) unit[d] = Acc(z[d]) * inverse;
    for (int64_t d = dim; d < ld; ++d) unit[d] = 0;
  }
}

template <Isa I, class T>
void strip_max(const T* s, int64_t ld, int64_t rows, int64_t cols, T scale, T* row, T* col) {
  for (int64_t r = 0; r < rows; ++r, s += ld) {
    T top = row[r];
#pragma omp simd reduction(max : top)
    for (int64_t c = 0; c < cols; ++c) top = scale * s[c] > top ? scale * s[c] : top;
    row[r] = top;
    if (col)
      for (int64_t c = 0; c < cols; ++c) col[c] = scale * s[c] > col[c] ? scale * s[c] : col[c];
  }
}

template <Isa I, class T>
void strip_sums(const T* s, int64_t ld, int64_t rows, int64_t cols, Logits<T> logits, double* row, T* col) {
  for (int64_t r = 0; r < rows; ++r, s += ld) {
    T sum = 0, shift = logits.common ? logits.shift : logits.row[r];
    if (!col) {
#pragma omp simd reduction(+ : sum)
      for (int64_t c = 0; c < cols; ++c) sum += math::exp(logits.scale * s[c] - shift);
    } else if (logits.common) {
#pragma omp simd reduction(+ : sum)
      for (int64_t c = 0; c < cols; ++c) {
        T e = math::exp(logits.scale * s[c] - shift);
        sum += e;
        col[c] += e;
      }
    } else {
#pragma omp simd reduction(+ : sum)
      for (int64_t c = 0; c < cols; ++c) {
        T logit = logits.scale * s[c];
        sum += math::exp(logit - shift);
        col[c] += math::exp(logit - logits.col[c]);
      }
    }
    row[r] += double(sum);
  }
}

template <Isa I, class T>
void strip_weights(T* s, int64_t ld, int64_t rows, int64_t cols, Logits<T> logits) {
  for (int64_t r = 0; r < rows; ++r, s += ld) {
    T own = logits.row[r];
    if (logits.common)
      for (int64_t c = 0; c < cols; ++c) s[c] = math::exp(logits.scale * s[c] - logits.shift) * (own + logits.col[c]);
    else
      for (int64_t c = 0; c < cols; ++c)
        s[c] = math::exp(logits.scale * s[c] - own) + math::exp(logits.scale * s[c] - logits.col[c]);
  }
}

template <Isa I, class T>
void unit_rows_backward(const accumulator_t<T>* sum, const accumulator_t<T>* unit, const accumulator_t<T>* positive,
                        const accumulator_t<T>* norm, int64_t ld, accumulator_t<T> factor, T* dz, int64_t rows,
                        int64_t dim) {
  using Acc = accumulator_t<T>;
  for (int64_t r = 0; r < rows; ++r, sum += ld, unit += ld, positive += ld, dz += dim) {
    Acc dot = 0;
#pragma omp simd reduction(+ : dot)
    for (int64_t d = 0; d < dim; ++d) dot += (sum[d] - 2 * positive[d]) * unit[d];
    if (norm[r] <= Acc(kMinNorm)) dot = 0;  // there the row was divided by a constant
    Acc scale = factor / norm[r];
    for (int64_t d = 0; d < dim; ++d) put(dz + d, scale * (sum[d] - 2 * positive[d] - dot * unit[d]));
  }
}

#define FOVEA_INSTANTIATE(T, Acc)                                                                                   \
  template void unit_rows<kIsa>(const T*, int64_t, int64_t, Acc*, int64_t, Acc*);                                   \
  template void unit_rows_backward<kIsa>(const Acc*, const Acc*, const Acc*, const Acc*, int64_t, Acc, T*, int64_t, \
                                         int64_t);
FOVEA_INSTANTIATE(float, float)
FOVEA_INSTANTIATE(double, double)
FOVEA_INSTANTIATE(bf16, float)

#define FOVEA_INSTANTIATE_STRIPS(T)                                                            \
  template void strip_max<kIsa>(const T*, int64_t, int64_t, int64_t, T, T*, T*);               \
  template void strip_sums<kIsa>(const T*, int64_t, int64_t, int64_t, Logits<T>, double*, T*); \
  template void strip_weights<kIsa>(T*, int64_t, int64_t, int64_t, Logits<T>);
FOVEA_INSTANTIATE_STRIPS(float)
FOVEA_INSTANTIATE_STRIPS(double)

}  // namespace fovea::kernels
