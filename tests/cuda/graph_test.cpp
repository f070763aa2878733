#include <set>

#include <fovea/core/allocator.h>
#include <fovea/core/cuda_graph.h>
#include <fovea/core/ops.h>
#include <fovea/core/random.h>
#include <fovea/nn/io/checkpoint.h>
#include <fovea/nn/layers/linear.h>
#include <fovea/nn/train/in_place.h>
#include <fovea/nn/train/optim.h>

#include "support/catch.h"
#include "support/files.h"

using namespace fovea;
using fovea::testing::TemporaryFolder;

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
  CHECK_THROWS_WITH(capture_graph(Device::cpu(), [] {}), Catch::Contains("want a CUDA device"));
}

namespace {

// A network that draws random numbers in each step: noise, attention with dropout, dropout, and again.
struct Trained {
  explicit Trained(uint64_t seed = 3)
      : generator(seed),
        other(seed + 1, 1000),
        inputs(randn({3, 5, 4}, generator).to(Device::cuda())),
        network({.in = 4, .out = 3 * 2 * 4}, generator),
        optimizer((network.to(Device::cuda()), nn::decay_groups(network)), {.lr = 0.1, .momentum = 0.9}),
        loss(Tensor::zeros({}, Dtype::f32, Device::cuda())) {}

  void step() {
    optimizer.zero_grad();
    Tensor noisy = inputs + randn({3, 5, 4}, generator, Device::cuda());
    Tensor qkv = network(noisy).reshape({3, 5, 3, 2, 4});
    Tensor y = attention(qkv, {.dropout = 0.3, .generator = &generator});
    y = dropout(y, 0.25, true, other) * rand(y.shape(), generator, Device::cuda());
    Tensor value = sum(dropout(y, 0.1, true, generator));
    value.backward();
    optimizer.step();
    NoGrad no_grad;
    loss.copy_(value);
  }
  std::vector<float> weights() { return network.parameters()[0].to_vector<float>(); }
  nn::Checkpoint checkpoint() { return {&network, &optimizer, {{"a", &generator}, {"b", &other}}, {}}; }

  Generator generator, other;
  Tensor inputs;
  nn::Linear network;
  nn::Sgd optimizer;
  Tensor loss;
};

}  // namespace

TEST_CASE("replays draw the random numbers of the steps that they stand for", "[cuda][graph]") {
  Trained eager, replayed;
  eager.step(), replayed.step();
  auto replay = capture_graph(Device::cuda(), [&] { replayed.step(); });
  CHECK(replayed.generator.offset() == eager.generator.offset());
  CHECK(replayed.weights() == eager.weights());
  std::vector<double> losses;
  auto check_same = [&] {
    CHECK(losses.emplace_back(eager.loss.item()) == replayed.loss.item());
    CHECK(replayed.weights() == eager.weights());
    CHECK(replayed.generator.offset() == eager.generator.offset());
    CHECK(replayed.other.offset() == eager.other.offset());
  };
  for (int i = 0; i < 3; ++i) {
    eager.step(), replay();
    check_same();
  }
  CHECK(std::set(losses.begin(), losses.end()).size() == 3);
  // Eager steps and replays may take turns.
  eager.step(), replayed.step();
  check_same();

  // The checkpoint of an eager run goes on as a graph that was recorded before, with other seeds.
  TemporaryFolder folder;
  nn::save_checkpoint(folder / "c", eager.checkpoint());
  Trained other(77);
  other.step();
  auto replay_other = capture_graph(Device::cuda(), [&] { other.step(); });
  nn::Checkpoint restored = other.checkpoint();
  nn::load_checkpoint(folder / "c", restored);
  other.inputs.copy_(eager.inputs);
  eager.step(), replay_other();
  CHECK(other.weights() == eager.weights());
  CHECK(other.loss.item() == eager.loss.item());
  CHECK(other.optimizer.steps() == eager.optimizer.steps());
}

TEST_CASE("a recorded step that replaces buffers goes on with its own", "[cuda][graph]") {
  struct Remembers : nn::Module {
    nn::Buffer rows{Tensor::zeros({4, 2})};
    void visit(nn::Visitor& v) override { v("rows", rows); }
    std::string describe() const override { return "Remembers"; }
  } module;
  module.to(Device::cuda());
  Tensor input = Tensor::zeros({1, 2}).to(Device::cuda());
  nn::BuffersInPlace buffers(module);
  auto step = [&] {
    NoGrad no_grad;
    module.rows.value = concat({input + module.rows.value.slice(0, 1), module.rows.value.slice(0, 3)});
    buffers.settle();
  };
  step();
  auto replay = capture_graph(Device::cuda(), step);
  for (int i = 1; i <= 3; ++i) {
    input.copy_(Tensor::full({1, 2}, i).to(Device::cuda()));
    if (i == 2)
      step();
    else
      replay();
  }
  CHECK(module.rows.value.to_vector<float>() == std::vector<float>{6, 6, 3, 3, 1, 1, 0, 0});
}
