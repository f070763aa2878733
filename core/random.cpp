#include <fovea/core/random.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include <fovea/core/check.h>
#include <fovea/core/cuda_graph.h>
#include <fovea/core/dispatch.h>

namespace fovea {

static thread_local Generator* used = nullptr;

Generator& default_generator() {
  static Generator generator;
  return used ? *used : generator;
}

UseGenerator::UseGenerator(Generator& generator) : previous_(std::exchange(used, &generator)) {}

UseGenerator::~UseGenerator() {
  used = previous_;
}

kernels::RandomState Generator::draw(int64_t n, Device device) {
  if constexpr (kHasCuda)
    if (capturing(device)) return draw_in_replays(*this, n, device);
  return {seed_, advance(n)};
}

void manual_seed(uint64_t seed) {
  default_generator() = Generator(seed);
}

Tensor randn(Shape shape, Generator& generator, Device device) {
  Tensor t = Tensor::empty(shape, Dtype::f32, device);
  kernels::RandomState random = generator.draw(t.numel(), device);
  dispatch(device, [&](auto& ctx) { kernels::fill_normal(ctx, t.data<float>(), t.numel(), 0, 1, random); });
  return t;
}

Tensor uniform(Shape shape, double low, double high, Generator& generator, Device device) {
  Tensor t = Tensor::empty(shape, Dtype::f32, device);
  kernels::RandomState random = generator.draw(t.numel(), device);
  dispatch(device,
           [&](auto& ctx) { kernels::fill_uniform(ctx, t.data<float>(), t.numel(), float(low), float(high), random); });
  return t;
}

Tensor rand(Shape shape, Generator& generator, Device device) {
  return uniform(shape, 0, 1, generator, device);
}

Tensor randint(int64_t low, int64_t high, Shape shape, Generator& generator) {
  Tensor t = Tensor::empty(shape, Dtype::i64);
  Rng rng(generator.seed(), generator.advance(t.numel()));
  for (int64_t i = 0; i < t.numel(); ++i) t.data<int64_t>()[i] = rng.integer(low, high);
  return t;
}

Tensor randperm(int64_t n, Generator& generator) {
  Tensor t = Tensor::arange(n);
  Rng rng(generator.seed(), generator.advance(n));
  int64_t* p = t.data<int64_t>();
  for (int64_t i = n - 1; i > 0; --i) std::swap(p[i], p[rng.integer(0, i + 1)]);
  return t;
}

uint32_t Rng::next() {
  if (used_ == 4) {
    block_ = kernels::philox(seed_, counter_++, stream_);
    used_ = 0;
  }
  return block_.word[used_++];
}

int64_t Rng::integer(int64_t low, int64_t high) {
  check(low < high, "integer: want low < high, got [{}, {})", low, high);
  uint64_t range = uint64_t(high - low), reject_below = (0 - range) % range;
  for (;;) {
    uint64_t high_word = next(), value = high_word << 32 | next();
    if (value >= reject_below) return low + int64_t(value % range);
  }
}

float Rng::normal() {
  float radius = std::sqrt(-2.0f * std::log(1.0f - uniform()));
  return radius * std::cos(6.2831853071795865f * uniform());
}

}  // namespace fovea
