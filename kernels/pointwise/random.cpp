#include <fovea/kernels/random.h>

#include <algorithm>
#include <cmath>

namespace fovea::kernels {

// Calls body(i, word pair...) for each group of four elements; the last group may be short.
template <class F>
static void for_each_four(int64_t n, F&& body) {
  int64_t groups = (n + 3) / 4;
#pragma omp parallel for schedule(static) if (n > kParallelGrain)
  for (int64_t g = 0; g < groups; ++g) body(g, std::min<int64_t>(4, n - 4 * g));
}

void fill_uniform(Cpu&, float* x, int64_t n, float low, float high, const RandomState& state) {
  const RandomState from = state.place();
  for_each_four(n, [&](int64_t g, int64_t count) {
    Philox4 r = philox(from.seed, from.offset + uint64_t(g));
    for (int64_t j = 0; j < count; ++j) x[4 * g + j] = low + (high - low) * uniform_from(r.word[j]);
  });
}

void fill_normal(Cpu&, float* x, int64_t n, float mean, float std, const RandomState& state) {
  const RandomState from = state.place();
  for_each_four(n, [&](int64_t g, int64_t count) {
    Philox4 r = philox(from.seed, from.offset + uint64_t(g));
    float values[4];
    for (int pair = 0; pair < 2; ++pair) {
      float radius = std::sqrt(-2.0f * std::log(1.0f - uniform_from(r.word[2 * pair])));  // the argument lies in (0, 1]
      float angle = 6.2831853071795865f * uniform_from(r.word[2 * pair + 1]);
      values[2 * pair] = radius * std::cos(angle);
      values[2 * pair + 1] = radius * std::sin(angle);
    }
    for (int64_t j = 0; j < count; ++j) x[4 * g + j] = mean + std * values[j];
  });
}

void fill_bernoulli(Cpu&, uint8_t* mask, int64_t n, float keep, const RandomState& state) {
  const RandomState from = state.place();
  for_each_four(n, [&](int64_t g, int64_t count) {
    Philox4 r = philox(from.seed, from.offset + uint64_t(g));
    for (int64_t j = 0; j < count; ++j) mask[4 * g + j] = uniform_from(r.word[j]) < keep;
  });
}

}  // namespace fovea::kernels
