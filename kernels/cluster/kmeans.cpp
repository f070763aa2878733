#include <fovea/kernels/kmeans.h>

#include <algorithm>

#include <fovea/kernels/scratch.h>
#include <fovea/kernels/topk.h>

namespace fovea::kernels {

template <class T>
void kmeans_assign(Cpu& ctx, const KMeans& shape, const T* x, const T* centres, int64_t* labels,
                   accumulator_t<T>* distances) {
  topk(ctx, {shape.rows, shape.clusters, shape.dim, 1, Metric::squared_distance}, x, centres, distances, labels);
}

template <class T>
void kmeans_update(Cpu&, const KMeans& shape, const T* x, const int64_t* labels, T* centres) {
  using Acc = accumulator_t<T>;
  Scratch scratch;
  Acc* sums = scratch.take<Acc>(size_t(shape.clusters * shape.dim));
  int64_t* counts = scratch.take<int64_t>(size_t(shape.clusters));
  std::fill_n(sums, shape.clusters * shape.dim, Acc(0));
  std::fill_n(counts, shape.clusters, 0);
  for (int64_t i = 0; i < shape.rows; ++i) {
    if (labels[i] < 0 || labels[i] >= shape.clusters) continue;
    ++counts[labels[i]];
    Acc* sum = sums + labels[i] * shape.dim;
    for (int64_t d = 0; d < shape.dim; ++d) sum[d] += Acc(x[i * shape.dim + d]);
  }
  for (int64_t c = 0; c < shape.clusters; ++c)
    for (int64_t d = 0; counts[c] > 0 && d < shape.dim; ++d)
      centres[c * shape.dim + d] = T(sums[c * shape.dim + d] / Acc(counts[c]));
}

#define FOVEA_INSTANTIATE(T, Acc)                                                          \
  template void kmeans_assign<T>(Cpu&, const KMeans&, const T*, const T*, int64_t*, Acc*); \
  template void kmeans_update<T>(Cpu&, const KMeans&, const T*, const int64_t*, T*);
FOVEA_INSTANTIATE(float, float)
FOVEA_INSTANTIATE(double, double)
FOVEA_INSTANTIATE(bf16, float)

}  // namespace fovea::kernels
