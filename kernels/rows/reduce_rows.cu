// Rows scaled to length 1 and cosines of pairs of rows, with their gradients. Aligned rows of up to 8192 elements are
// read once and wait in registers for their norm (row_kernels.cuh). The cosine's gradient needs no sum: its forward
// pass kept the norms.
#include <fovea/kernels/reduce.h>
#include <fovea/kernels/rows/row_kernels.cuh>

namespace fovea::kernels {

template <class T>
struct NormalizeRows {
  static constexpr bool kPair = false, kWrites = true;
  using State = float;
  const T* x;
  T* y;
  float *norm, eps;
  __device__ const T* left() const { return x; }
  static __device__ float identity() { return 0; }
  template <int kThreads>
  static __device__ float join(float sum, float* shared) {
    return group_reduce<kThreads>(sum, shared, SumOf());
  }
  template <class V>
  static __device__ float add(float sum, const V& x, const V&) {
    float squares = 0;
    for (float v : x.value) squares += v * v;
    return sum + squares;
  }
  __device__ float begin(int64_t row, float sum, bool first) const {
    const float length = math::sqrt(sum);
    if (first) norm[row] = length;
    return 1 / (length > eps ? length : eps);
  }
  template <class V>
  __device__ void write(float scale, int64_t i, V& x, const V&) const {
    for (float& v : x.value) v *= scale;
    store_values(y + i, x);
  }
};
template <class T>
void normalize_rows(Cuda& ctx, const T* x, T* y, accumulator_t<T>* norm, int64_t rows, int64_t cols, double eps) {
  for_each_row<T>(ctx, NormalizeRows<T>{x, y, norm, float(eps)}, rows, cols, allows_packs<T>(cols, x, y));
}

// dx = (dy - along y) scale
template <class T>
struct NormalizeRowsGradient {
  static constexpr bool kPair = true, kWrites = true;
  using State = float;
  const T *dy, *y;
  const float* norm;
  T* dx;
  float eps;
  struct Parameters {
    float along, scale;
  };
  __device__ const T* left() const { return dy; }
  __device__ const T* right() const { return y; }
  static __device__ float identity() { return 0; }
  template <int kThreads>
  static __device__ float join(float sum, float* shared) {
    return group_reduce<kThreads>(sum, shared, SumOf());
  }
  template <class V>
  static __device__ float add(float sum, const V& dy, const V& y) {
    float products = 0;
    for (int k = 0; k < int(sizeof(V) / sizeof(float)); ++k) products += dy[k] * y[k];
    return sum + products;
  }
  __device__ Parameters begin(int64_t row, float dot, bool) const {
    const float length = norm[row];
    return length < eps ? Parameters{0, 1 / eps} : Parameters{dot, 1 / length};
  }
  template <class V>
  __device__ void write(Parameters p, int64_t i, V& dy, const V& y) const {
    for (int k = 0; k < int(sizeof(V) / sizeof(float)); ++k) dy[k] = (dy[k] - p.along * y[k]) * p.scale;
    store_values(dx + i, dy);
  }
};
template <class T>
void normalize_rows_backward(Cuda& ctx, const T* dy, const T* y, const accumulator_t<T>* norm, T* dx, int64_t rows,
                             int64_t cols, double eps) {
  for_each_row<T>(ctx, NormalizeRowsGradient<T>{dy, y, norm, dx, float(eps)}, rows, cols,
                  allows_packs<T>(cols, dy, y, dx));
}

struct Products {
  float aa, bb, ab;
  __device__ Products operator+(const Products& more) const { return {aa + more.aa, bb + more.bb, ab + more.ab}; }
};
template <class T>
struct CosineRows {
  static constexpr bool kPair = true, kWrites = false;
  using State = Products;
  const T *a, *b;
  float *y, *norms, eps;
  __device__ const T* left() const { return a; }
  __device__ const T* right() const { return b; }
  static __device__ Products identity() { return {0, 0, 0}; }
  template <int kThreads>
  static __device__ Products join(Products sum, Products* shared) {
    return group_reduce<kThreads>(sum, shared, SumOf());
  }
  template <class V>
  static __device__ Products add(Products sum, const V& a, const V& b) {
    Products more = identity();
    for (int k = 0; k < int(sizeof(V) / sizeof(float)); ++k)
      more.aa += a[k] * a[k], more.bb += b[k] * b[k], more.ab += a[k] * b[k];
    return sum + more;
  }
  __device__ bool begin(int64_t row, Products p, bool first) const {
    if (!first) return false;
    const float length_a = math::sqrt(p.aa), length_b = math::sqrt(p.bb);
    norms[2 * row] = length_a, norms[2 * row + 1] = length_b;
    y[row] = p.ab / (fmaxf(length_a, eps) * fmaxf(length_b, eps));
    return true;
  }
};
template <class T>
void cosine_rows(Cuda& ctx, const T* a, const T* b, accumulator_t<T>* y, accumulator_t<T>* norms, int64_t rows,
                 int64_t cols, double eps) {
  for_each_row<T>(ctx, CosineRows<T>{a, b, y, norms, float(eps)}, rows, cols, allows_packs<T>(cols, a, b));
}

template <class T>
struct CosineGradient {
  static constexpr int kN = kPack<T>;
  const float* dy;
  const T *a, *b;
  const float *y, *norms;
  T *da, *db;
  Divisor cols;
  float eps;

  template <int N>
  __device__ void run(int64_t i) const {
    const int64_t row = cols.divide(i).quotient;
    const float length_a = norms[2 * row], length_b = norms[2 * row + 1], slope = dy[row], cosine = y[row];
    const float across = slope / (fmaxf(length_a, eps) * fmaxf(length_b, eps));
    const auto u = load_values<N>(a + i), v = load_values<N>(b + i);
    auto write = [&](T* out, const Values<float, N>& self, const Values<float, N>& other, float length) {
      if (!out) return;
      const float along = length < eps ? 0.0f : slope * cosine / (length * length);
      Values<float, N> gradient;
#pragma unroll
      for (int k = 0; k < N; ++k) gradient[k] = across * other[k] - along * self[k];
      store_values(out + i, gradient);
    };
    write(da, u, v, length_a);
    write(db, v, u, length_b);
  }
};
template <class T>
void cosine_rows_backward(Cuda& ctx, const accumulator_t<T>* dy, const T* a, const T* b, const accumulator_t<T>* y,
                          const accumulator_t<T>* norms, T* da, T* db, int64_t rows, int64_t cols, double eps) {
  for_each(ctx, CosineGradient<T>{dy, a, b, y, norms, da, db, cols, float(eps)}, rows * cols,
           allows_packs<T>(cols, a, b, da, db));
}

#define FOVEA_INSTANTIATE(T)                                                                                         \
  template void normalize_rows<T>(Cuda&, const T*, T*, accumulator_t<T>*, int64_t, int64_t, double);                 \
  template void normalize_rows_backward<T>(Cuda&, const T*, const T*, const accumulator_t<T>*, T*, int64_t, int64_t, \
                                           double);                                                                  \
  template void cosine_rows<T>(Cuda&, const T*, const T*, accumulator_t<T>*, accumulator_t<T>*, int64_t, int64_t,    \
                               double);                                                                              \
  template void cosine_rows_backward<T>(Cuda&, const accumulator_t<T>*, const T*, const T*, const accumulator_t<T>*, \
                                        const accumulator_t<T>*, T*, T*, int64_t, int64_t, double);
FOVEA_INSTANTIATE(float)
FOVEA_INSTANTIATE(bf16)

}  // namespace fovea::kernels
