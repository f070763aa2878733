#pragma once

#include <cstdint>

#include <fovea/core/tensor.h>
#include <fovea/kernels/random.h>

namespace fovea {

// A place in a stream of counter-based random numbers (Philox): the same seed gives the same tensors on every device
// and for any number of threads. Saving seed() and offset() saves its state.
class Generator {
 public:
  explicit Generator(uint64_t seed = 0, uint64_t offset = 0) : seed_(seed), offset_(offset) {}
  uint64_t seed() const { return seed_; }
  uint64_t offset() const { return offset_; }
  // Reserves the counters for n elements that a kernel on the device will draw. While a step is recorded as a graph
  // (cuda_graph.h) they are reserved anew before each replay, and not now.
  kernels::RandomState draw(int64_t n, Device device = Device::cpu());
  // The same for numbers that the host draws: returns the first counter.
  uint64_t advance(int64_t n) {
    uint64_t first = offset_;
    offset_ += uint64_t(n + 3) / 4;
    return first;
  }

 private:
  uint64_t seed_, offset_;
};

// The generator that layers and ops use when they are given none: one for the process, or what UseGenerator says.
Generator& default_generator();
void manual_seed(uint64_t seed);

// While one of these is alive, default_generator() is `generator` on this thread: a program's own stays where it is.
class UseGenerator {
 public:
  explicit UseGenerator(Generator& generator);
  ~UseGenerator();
  UseGenerator(const UseGenerator&) = delete;
  UseGenerator& operator=(const UseGenerator&) = delete;

 private:
  Generator* previous_;
};

Tensor randn(Shape shape, Generator& generator = default_generator(), Device device = Device::cpu());
Tensor rand(Shape shape, Generator& generator = default_generator(),
            Device device = Device::cpu());  // uniform in [0, 1)
Tensor uniform(Shape shape, double low, double high, Generator& generator = default_generator(),
               Device device = Device::cpu());
Tensor randperm(int64_t n, Generator& generator = default_generator());  // i64, on the CPU
Tensor randint(int64_t low, int64_t high, Shape shape,
               Generator& generator = default_generator());  // i64 in [low, high)

// Scalar draws for augmentation and sampling: a stream of its own for each (seed, stream) pair, so that the draws of
// one sample do not depend on how many another took.
class Rng {
 public:
  Rng(uint64_t seed, uint64_t stream) : seed_(seed), stream_(stream) {}
  uint32_t next();
  float uniform() { return kernels::uniform_from(next()); }  // [0, 1)
  float uniform(float low, float high) { return low + (high - low) * uniform(); }
  bool bernoulli(float p) { return uniform() < p; }
  int64_t integer(int64_t low, int64_t high);  // [low, high), unbiased; throws Error when empty
  float normal();

 private:
  uint64_t seed_, stream_, counter_ = 0;
  kernels::Philox4 block_{};
  int used_ = 4;
};

}  // namespace fovea
