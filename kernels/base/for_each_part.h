#pragma once

// Private to kernels/*.cpp: how elementwise work is divided.
#include <algorithm>

#include <fovea/kernels/elementwise.h>

namespace fovea::kernels {

// Calls body(begin, end) for parts of [0, n) whose bounds do not depend on the number of threads, so that no element's
// bits do: a loop's vectorised body and its remainder may round differently.
template <class F>
void for_each_part(int64_t n, F&& body) {
  if (n <= kParallelGrain) return body(0, n);
  constexpr int64_t kPart = 8192;
  const int64_t parts = (n + kPart - 1) / kPart;
#pragma omp parallel for schedule(static)
  for (int64_t p = 0; p < parts; ++p) body(p * kPart, std::min((p + 1) * kPart, n));
}

// Calls body(a, a_step, b, b_step, y, count) for runs along the innermost dimension that cover [begin, end) of the
// result: each array's offset of the run's first element, and the steps between elements.
template <class F>
void for_each_run(const Broadcast& shape, int64_t begin, int64_t end, F&& body) {
  const int last = shape.rank - 1;
  int64_t at[Broadcast::kMaxRank] = {}, a = 0, b = 0, rest = begin;
  for (int d = last; d >= 0; --d) {
    at[d] = rest % shape.size[d];
    rest /= shape.size[d];
    a += at[d] * shape.a[d];
    b += at[d] * shape.b[d];
  }
  for (int64_t y = begin; y < end;) {
    const int64_t count = std::min(shape.size[last] - at[last], end - y);
    body(a, shape.a[last], b, shape.b[last], y, count);
    y += count;
    at[last] += count, a += count * shape.a[last], b += count * shape.b[last];
    for (int d = last; d > 0 && at[d] == shape.size[d]; --d) {
      a += shape.a[d - 1] - at[d] * shape.a[d], b += shape.b[d - 1] - at[d] * shape.b[d];
      at[d] = 0, ++at[d - 1];
    }
  }
}

}  // namespace fovea::kernels
