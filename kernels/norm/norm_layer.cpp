#include <algorithm>

#include <fovea/kernels/norm.h>
#include <fovea/kernels/norm/norm_layer_isa.h>
#include <fovea/kernels/scratch.h>

namespace fovea::kernels {

// `given`, or `count` copies of `value`.
template <class A>
static const A* values_or(Scratch& scratch, const A* given, int64_t count, A value) {
  if (given) return given;
  A* made = scratch.take<A>(size_t(count));
  std::fill_n(made, count, value);
  return made;
}

// Rows whose weight gradients are added up together: about 256 KiB of f32, whatever the number of threads.
static int64_t rows_per_block(int64_t cols) {
  return std::clamp<int64_t>((1 << 16) / std::max<int64_t>(cols, 1), 16, 256);
}

template <class T>
void layer_norm(Cpu&, const LayerNorm<T>& norm, double eps, T* y, accumulator_t<T>* mean, accumulator_t<T>* invstd) {
  using A = accumulator_t<T>;
  const int64_t rows = norm.rows, cols = norm.cols;
  Scratch scratch;
  const A *weight = values_or(scratch, norm.weight, cols, A(1)), *bias = values_or(scratch, norm.bias, cols, A(0));
  with_isa([&]<Isa I>() {
#pragma omp parallel for schedule(static) if (rows * cols > kParallelGrain)
    for (int64_t r = 0; r < rows; ++r)
      layer_norm_row<I>(cols, norm.x + r * cols, weight, bias, A(eps), y + r * cols, mean + r, invstd + r);
  });
}

template <class T>
void layer_norm_backward(Cpu&, const LayerNorm<T>& norm, const accumulator_t<T>* mean, const accumulator_t<T>* invstd,
                         const T* dy, const LayerNormGradients<T>& gradients) {
  using A = accumulator_t<T>;
  const int64_t rows = norm.rows, cols = norm.cols, step = rows_per_block(cols), blocks = (rows + step - 1) / step;
  Scratch scratch;
  const A* weight = values_or(scratch, norm.weight, cols, A(1));
  A* dweights = scratch.take<A>(size_t(blocks * cols));
  A* dbiases = scratch.take<A>(size_t(blocks * cols));
  with_isa([&]<Isa I>() {
#pragma omp parallel if (rows * cols > kParallelGrain)
    {
#pragma omp for schedule(dynamic)
      for (int64_t b = 0; b < blocks; ++b) {
        A *dweight = dweights + b * cols, *dbias = dbiases + b * cols;
        std::fill_n(dweight, cols, A(0));
        std::fill_n(dbias, cols, A(0));
        for (int64_t r = b * step; r < std::min(rows, (b + 1) * step); ++r)
          layer_norm_gradient_row<I>(cols, norm.x + r * cols, weight, mean[r], invstd[r], dy + r * cols,
                                     gradients.dx + r * cols, dweight, dbias);
      }
#pragma omp for schedule(static)
      for (int64_t c = 0; c < cols; ++c) {
        double dweight = 0, dbias = 0;
        for (int64_t b = 0; b < blocks; ++b)
          dweight += double(dweights[b * cols + c]), dbias += double(dbiases[b * cols + c]);
        gradients.dweight[c] = A(dweight);
        gradients.dbias[c] = A(dbias);
      }
    }
  });
}

#define FOVEA_INSTANTIATE(T)                                                                                        \
  template void layer_norm<T>(Cpu&, const LayerNorm<T>&, double, T*, accumulator_t<T>*, accumulator_t<T>*);         \
  template void layer_norm_backward<T>(Cpu&, const LayerNorm<T>&, const accumulator_t<T>*, const accumulator_t<T>*, \
                                       const T*, const LayerNormGradients<T>&);
FOVEA_INSTANTIATE(float)
FOVEA_INSTANTIATE(double)
FOVEA_INSTANTIATE(bf16)

}  // namespace fovea::kernels
