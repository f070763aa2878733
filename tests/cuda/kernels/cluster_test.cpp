#include <fovea/kernels/kmeans.h>
#include <fovea/kernels/sinkhorn.h>

#include "support/catch.h"
#include "support/on_device.h"

using namespace fovea;
using namespace fovea::kernels;
using namespace fovea::testing;

TEMPLATE_TEST_CASE("Sinkhorn on the device agrees with f64 for any shape and alignment", "[cuda][cluster]", float,
                   bf16) {
  using T = TestType;
  for (auto [samples, prototypes, offset, coded] : {std::array<int64_t, 4>{1, 1, 0, 1},
                                                    {3, 16, 0, 3},
                                                    {70, 33, 0, 70},
                                                    {40, 3000, 0, 7},
                                                    {65, 264, 1, 65},
                                                    {65, 264, 1, 30}}) {
    INFO(samples << " samples, " << prototypes << " prototypes, " << offset << " elements off, " << coded << " coded");
    Sinkhorn shape{coded, samples - coded, prototypes, 0.05, 3};
    std::vector<T> scores = numbers<T>(samples * prototypes, 0.3, 0.5);
    std::vector<double> wide = widened(scores), wanted(size_t(coded * prototypes));
    sinkhorn(cpu(), shape, wide.data(), wide.data() + coded * prototypes, wanted.data());
    std::vector<T> batch(scores.begin(), scores.begin() + coded * prototypes),
        rest(scores.begin() + ptrdiff_t(batch.size()), scores.end());
    OnDevice<T> there(batch, offset), queued(rest, offset), codes = OnDevice<T>::zeros(coded * prototypes, offset);
    sinkhorn(cuda(0), shape, there.data(), queued.data(), codes.data());
    CHECK(difference(codes.host(), wanted) < (sizeof(T) == 2 ? 4e-3 : 2e-5));
  }
}

TEMPLATE_TEST_CASE("k-means on the device makes the CPU's centres", "[cuda][cluster]", float, bf16) {
  using T = TestType;
  Cuda& ctx = cuda(0);
  for (auto [rows, dim, clusters] : {std::array<int64_t, 3>{1, 1, 1}, {33, 5, 4}, {700, 130, 11}, {300, 8, 300}}) {
    INFO(rows << " rows of " << dim << ", " << clusters << " clusters");
    KMeans shape{rows, dim, clusters};
    // Multiples of 1/4: all sums and products are exact.
    std::vector<T> x, centres;
    for (int64_t i = 0; i < rows * dim; ++i) x.push_back(T(float(i * i % 1009 % 13 - 6) / 4));
    for (int64_t i = 0; i < clusters * dim; ++i) centres.push_back(T(float(i * i % 997 % 11 - 5) / 4));
    OnDevice<T> points(x), there(centres);
    OnDevice<int64_t> assigned = OnDevice<int64_t>::zeros(rows);
    OnDevice<float> apart = OnDevice<float>::zeros(rows);
    std::vector<int64_t> labels(rows);
    std::vector<float> distances(rows);
    kmeans_assign(cpu(), shape, x.data(), centres.data(), labels.data(), distances.data());
    kmeans_assign(ctx, shape, points.data(), there.data(), assigned.data(), apart.data());
    CHECK(assigned.host() == labels);
    CHECK(apart.host() == distances);
    kmeans_update(cpu(), shape, x.data(), labels.data(), centres.data());
    kmeans_update(ctx, shape, points.data(), assigned.data(), there.data());
    CHECK(widened(there.host()) == widened(centres));
  }
}
