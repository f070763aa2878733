#include <fovea/core/allocator.h>
#include <fovea/core/cuda_graph.h>
#include <fovea/core/ops.h>
#include <fovea/core/random.h>

#include "support/catch.h"

using namespace fovea;

static Tensor there(const std::vector<float>& values) {
  return Tensor::from<float>({int64_t(values.size())}, values).to(Device::cuda());
}

TEST_CASE("a captured step does nothing until it is replayed, then works on the newest inputs", "[cuda][graph]") {
  Tensor x = there({1, 2, 3}), y = there({0, 0, 0}), count = Tensor::zeros({}, Dtype::i64, Device::cuda());
  auto replay = capture_graph(Device::cuda(), [&] {
    Tensor temporary = x.clone();
    y.copy_(temporary);
    increment_(count);
  });
  CHECK(y.to_vector<float>() == std::vector<float>{0, 0, 0});
  // Whoever asks for memory between replays gets none of the step's.
  std::vector<Tensor> others;
  for (int i = 0; i < 8; ++i) others.push_back(Tensor::full({3}, -1, Dtype::f32, Device::cuda()));
  for (float first : {5.0f, 7.0f}) {
    x.copy_(there({first, 2, 3}));
    replay();
    CHECK(y.to_vector<float>() == std::vector<float>{first, 2, 3});
  }
  CHECK(count.item() == 2);
  for (const Tensor& other : others) CHECK(other.to_vector<float>() == std::vector<float>{-1, -1, -1});
}

TEST_CASE("the memory of a graph is free again when the graph is gone", "[cuda][graph]") {
  Allocator& memory = allocator(Device::cuda());
  Tensor x = Tensor::zeros({1 << 20}, Dtype::f32, Device::cuda()), kept;
  const size_t live = memory.stats().live, mapped_before = memory.stats().mapped;
  {
    auto replay = capture_graph(Device::cuda(), [&] {
      kept = x.clone();
      Tensor dropped = kept.clone();
    });
    replay();
    CHECK(memory.stats().mapped > mapped_before);
    CHECK(memory.stats().live > live);
  }
  kept = {};
  CHECK(memory.stats().live == live);
  memory.release_cached();
  CHECK(Tensor::zeros({1 << 20}, Dtype::f32, Device::cuda()).numel() == 1 << 20);
}

TEST_CASE("what a graph cannot repeat is refused while it is recorded, and the device goes on", "[cuda][graph]") {
  Tensor x = there({1, 2, 3});
  auto refused = [&](const std::function<void()>& step, const char* words) {
    CHECK_THROWS_WITH(capture_graph(Device::cuda(), step), Catch::Contains(words));
    CHECK_FALSE(capturing(Device::cuda()));
    CHECK(x.clone().to_vector<float>() == std::vector<float>{1, 2, 3});
  };
  refused([&] { x.to_vector<float>(); }, "must not wait for the device");
  refused([&] { there({4}); }, "must not copy from the CPU");
  refused([&] { randn({4}, default_generator(), Device::cuda()); }, "the same numbers each time");
  CHECK_THROWS_WITH(capture_graph(Device::cpu(), [] {}), Catch::Contains("want a CUDA device"));
}
