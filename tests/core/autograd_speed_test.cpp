#include <fovea/core/allocator.h>
#include <fovea/core/ops.h>

#include <algorithm>
#include <chrono>

#include "support/catch.h"

using namespace fovea;

// The least time of a call, in microseconds, over rounds that last long enough to be timed.
template <class F>
static double microseconds(F&& f) {
  using Clock = std::chrono::steady_clock;
  constexpr int kCalls = 500;
  double best = 1e9;
  for (int round = 0; round < 40; ++round) {
    auto start = Clock::now();
    for (int i = 0; i < kCalls; ++i) f();
    best = std::min(best, std::chrono::duration<double, std::micro>(Clock::now() - start).count() / kCalls);
  }
  return best;
}

TEST_CASE("recording and differentiating a small op takes less than 2 us", "[core][autograd][speed]") {
#if defined(NDEBUG)
  constexpr double kLimit = 2;
#else
  constexpr double kLimit = 40;  // hardly optimised, with sanitizers
#endif
  Tensor x = randn({16}).set_requires_grad(), w = randn({16}).set_requires_grad(), one = Tensor::ones({16});
  CHECK(microseconds([&] {
          relu(x).backward(one);
          x.zero_grad();
        }) < kLimit);
  CHECK(microseconds([&] {
          (x * w).backward(one);
          x.zero_grad();
          w.zero_grad();
        }) < kLimit);
}

TEST_CASE("a step of training gives all its memory back", "[core][autograd][allocator]") {
  Tensor x = randn({64, 32}), w = randn({32}).set_requires_grad();
  auto step = [&] {
    mean(square(normalize(gelu(x * w)) - 0.1)).backward();
    w.zero_grad();
  };
  step();
  AllocatorStats before = allocator(Device::cpu()).stats();
  for (int i = 0; i < 3; ++i) step();
  AllocatorStats after = allocator(Device::cpu()).stats();
  CHECK(after.live == before.live);
  CHECK(after.map_calls == before.map_calls);
}
