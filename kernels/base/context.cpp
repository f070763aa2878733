#include <fovea/kernels/context.h>

#include <omp.h>

#include <algorithm>

namespace fovea::kernels {

Cpu& cpu() {
  static Cpu context;
  return context;
}

int threads() {
  return omp_get_max_threads();
}
void set_threads(int count) {
  omp_set_num_threads(std::max(1, count));
}

}  // namespace fovea::kernels
