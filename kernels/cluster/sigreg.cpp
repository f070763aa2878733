#include <fovea/kernels/sigreg.h>

#include <algorithm>
#include <cmath>

#include <fovea/kernels/cluster/sigreg_isa.h>

namespace fovea::kernels {

SigRegKnots sigreg_knots() {
  SigRegKnots knots;
  for (int k = 0; k < SigRegKnots::kCount; ++k) {
    const double t = (k + 1) * SigRegKnots::kStep;
    knots.phi[k] = std::exp(-t * t / 2);
    knots.weight[k] = (k + 1 == SigRegKnots::kCount ? 1 : 2) * SigRegKnots::kStep * knots.phi[k];
  }
  return knots;
}

template <class T>
void sigreg(Cpu&, const SigReg& shape, T* p, T* statistic, bool gradient) {
  const SigRegKnots knots = sigreg_knots();
  const int64_t strips = (shape.slices + kSigRegColumns - 1) / kSigRegColumns;
#pragma omp parallel for schedule(static) if (shape.views * shape.rows * shape.slices * SigRegKnots::kCount > \
                                              kParallelGrain)
  for (int64_t i = 0; i < shape.views * strips; ++i) {
    const int64_t view = i / strips, first = i % strips * kSigRegColumns;
    with_isa([&]<Isa I>() {
      sigreg_columns<I>(knots, p + view * shape.rows * shape.slices + first, shape.slices, shape.rows,
                        std::min<int64_t>(kSigRegColumns, shape.slices - first),
                        statistic + view * shape.slices + first, gradient);
    });
  }
}

template void sigreg<float>(Cpu&, const SigReg&, float*, float*, bool);
template void sigreg<double>(Cpu&, const SigReg&, double*, double*, bool);

}  // namespace fovea::kernels
