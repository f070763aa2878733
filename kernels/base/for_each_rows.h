#pragma once

// Private to kernels/*.cpp: how rows are divided among threads.
#include <algorithm>
#include <cstdint>

#include <fovea/kernels/context.h>

namespace fovea::kernels {

// Calls body(first, count) for groups of rows whose bounds do not depend on the number of threads.
template <class F>
void for_each_rows(int64_t rows, int64_t cols, F&& body) {
  const int64_t group = std::max<int64_t>(1, 8192 / std::max<int64_t>(cols, 1)), groups = (rows + group - 1) / group;
#pragma omp parallel for schedule(static) if (rows * cols > kParallelGrain)
  for (int64_t g = 0; g < groups; ++g) body(g * group, std::min(group, rows - g * group));
}

}  // namespace fovea::kernels
